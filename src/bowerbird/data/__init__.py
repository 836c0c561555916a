"""The data: reading and checking the attachments, the panel, cleaning, scaling, and the synthetic twin."""
