"""Helpers of several test files: servers, subjects, projects, browsers."""
