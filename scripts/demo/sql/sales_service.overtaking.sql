-- Committed after the late row took its number and before the first run.
INSERT INTO leads (lead_source_id, email, message, consent, received_at) VALUES (1, 'fast@example.org', 'fast', 1, NOW(3));
