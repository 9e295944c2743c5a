"""The seven pipelines, meeting only in the catalog."""
