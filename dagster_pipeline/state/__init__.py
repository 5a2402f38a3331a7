"""What the pipeline remembers between runs: cursors, the chunk ledger, locks. Nothing here moves rows."""
