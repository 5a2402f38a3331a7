-- Between the runs: new leads; sources that changed, came and went.
INSERT INTO leads (lead_source_id, email, full_name, message, utm, consent, received_at)
SELECT lead_source_id, email, full_name, message, utm, consent, NOW(3) FROM leads WHERE id BETWEEN 1 AND 800;
UPDATE leadsources SET cost_per_lead = cost_per_lead + 1 WHERE id BETWEEN 20 AND 60;
DELETE FROM leadsources WHERE id BETWEEN 100 AND 104;
INSERT INTO leadsources VALUES (400, 'src-0400', 'New partner', 'partner', NULL, 1, NULL, NULL, NOW());
