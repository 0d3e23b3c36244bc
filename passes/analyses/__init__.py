"""Analyses: facts about values that rewrites ask for before they act."""
