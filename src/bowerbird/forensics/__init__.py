"""From printed tables back to the recipe that made them, and how often that succeeds where the recipe is known."""
