"""Tests, in the shape of the project: one folder per package."""
