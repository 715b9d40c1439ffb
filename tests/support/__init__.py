"""What several test files share: servers, subjects, projects, browsers."""
