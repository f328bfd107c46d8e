"""Tests of the scrapers, and the fake outside worlds that they are tried in."""
