"""Raw tables → typed → judged row by row → accepted or refused → clean tables."""
