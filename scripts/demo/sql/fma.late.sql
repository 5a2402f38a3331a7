-- Written before the first run by a transaction that commits after it. now() is when the transaction began.
INSERT INTO premises (id, reference, name, region_code, floors, area_m2, is_listed, features, created_at)
VALUES (60001, md5('late')::uuid, 'Late', 'DE', 1, 1, false, '{}', localtimestamp);
INSERT INTO premise_details (premise_id, detail_kind, valid_from) VALUES (60001, 'late', current_date);
