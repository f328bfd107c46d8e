"""Stages as plain functions, then a thin Celery skin."""
