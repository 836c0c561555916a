"""The inventory algorithms of the companion articles, each beside the rule of thumb that its article names."""
