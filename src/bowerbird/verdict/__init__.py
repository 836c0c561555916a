"""Every printed number, claim and table beside ours, each with one verdict."""
