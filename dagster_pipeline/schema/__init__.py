"""What the files of every kind mean: their models, their rules, their loader. Nothing here connects or knows Dagster."""
