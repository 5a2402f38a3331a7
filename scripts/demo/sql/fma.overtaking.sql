-- Committed after the late rows were written and before the first run: their cursor is greater than the late rows'.
INSERT INTO premises (id, reference, name, region_code, floors, area_m2, is_listed, features, created_at)
VALUES (60002, md5('overtaking')::uuid, 'Overtaking', 'DE', 1, 1, false, '{}', localtimestamp);
INSERT INTO premise_details (premise_id, detail_kind, valid_from) VALUES (60002, 'overtaking', current_date);
