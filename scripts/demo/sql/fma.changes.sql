-- Between the runs: changed rows, and new ones.
UPDATE premises SET name = name || ' (sold)', book_value = NULL, updated_at = now() WHERE id BETWEEN 2001 AND 2500;
UPDATE premises SET features = features || ARRAY['🦆', NULL], updated_at = now() WHERE id BETWEEN 11 AND 24;
INSERT INTO premises
SELECT id + 30000, md5('new' || id)::uuid, name, region_code, address, floors, rooms, area_m2, book_value, latitude, longitude,
  energy_rating, is_listed, features, attributes, floor_plan, built_on, opens_at, localtimestamp, now()
FROM premises WHERE id BETWEEN 101 AND 300;
UPDATE premise_details SET value_number = -value_number, updated_at = now() WHERE premise_id BETWEEN 31 AND 700;
INSERT INTO premise_details
SELECT premise_id, 'sprinklers', value_text, value_number, value_json, readings, service_interval, is_verified, verified_by,
  valid_from, now()
FROM premise_details WHERE detail_kind = 'heating' AND premise_id BETWEEN 1 AND 400;
