"""Programs around the pipeline for developers and CI. The pipeline itself imports nothing from here."""
