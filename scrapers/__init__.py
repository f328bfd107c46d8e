"""The outside world in, NewFeedback out; no database."""
