"""What measurements say together: whether two sets differ, and which not to believe."""
