"""The dataset in other forms: flat files, wide published tables, HELP's own layout."""
