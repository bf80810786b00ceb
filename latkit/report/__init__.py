"""What is shown to people: tables and plots."""
