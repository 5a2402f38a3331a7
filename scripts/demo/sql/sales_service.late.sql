-- Takes a number before the first run and commits after it; a row with a greater number commits in between.
INSERT INTO leads (lead_source_id, email, message, consent, received_at) VALUES (1, 'late@example.org', 'late', 1, NOW(3));
