-- 20,000 premises and 40,000 details: plausible ones, then a few updates that plant what a careless copy would spoil.
INSERT INTO premises
SELECT
  n,
  md5('premise' || n)::uuid,
  (ARRAY['Hafenhaus', 'Tour Élysée', 'Młyn', 'Bürgeramt', 'Depot'])[1 + n % 5] || ' ' || n,
  (ARRAY['DE', 'FR', 'PL', 'AT', 'CH', 'X'])[1 + n % 6],
  CASE WHEN n % 9 > 0 THEN n % 300 || ' Harbour Street' || chr(10) || 'Floor ' || n % 12 END,
  n % 40 - 3,
  CASE WHEN n % 7 > 0 THEN n * 31 % 900 END,
  n * 7919 % 900000 / 16.0,
  CASE WHEN n % 5 > 0 THEN n * 104729::numeric / 7 END,
  CASE WHEN n % 8 > 0 THEN 47 + n % 8000 / 1000.0 END,
  CASE WHEN n % 8 > 0 THEN -5 + n % 20000 / 1000.0 END,
  CASE WHEN n % 6 > 0 THEN (n % 1000 / 10.0)::real END,
  n % 12 = 0,
  (ARRAY['lift', 'cellar', 'solar', 'parking'])[1:n % 5],
  CASE WHEN n % 4 > 0 THEN jsonb_build_object('heating', n % 3, 'tenants', jsonb_build_array(n % 9, 'shop')) END,
  CASE WHEN n % 25 = 0 THEN decode(md5(n::text), 'hex') END,
  CASE WHEN n % 10 > 0 THEN date '1905-03-01' + n * 3 % 43000 END,
  CASE WHEN n % 3 > 0 THEN time '06:00' + n % 14 * interval '30 minutes' END,
  timestamp '2016-01-01' + n * 6121 % 290000000 * interval '1 second',
  timestamptz '2024-01-01 00:00+00' + n * 997 % 31000000 * interval '1 second' + n * 7 * interval '1 microsecond'
FROM generate_series(1, 20000) AS n;

UPDATE premises SET updated_at = '2025-06-30 12:00:00.000001+00' WHERE id BETWEEN 5001 AND 6000;
UPDATE premises SET name = '', address = '', features = '{}', attributes = '{}', floor_plan = '' WHERE id = 11;
UPDATE premises SET name = '\N', address = 'NULL', features = ARRAY['NULL', NULL, '', '\N'] WHERE id = 12;
UPDATE premises SET name = E'tab\there', address = E'line\r\nbreak, backslash at the end\\',
  features = ARRAY['a,b', 'c"d', E'e\\f', '{g}', E'h\ti\nj', ' k '] WHERE id = 13;
UPDATE premises SET name = '🦆 Ž̷̢ שלום', address = repeat('naïve 🎉 ', 5000), features = ARRAY['👩‍👩‍👧', 'ß'] WHERE id = 14;
UPDATE premises SET floors = -32768, rooms = -2147483648, area_m2 = -999999999.999,
  book_value = -99999999999999999999999999999999999999999999999999999999.99999999999999999999 WHERE id = 15;
UPDATE premises SET floors = 32767, rooms = 2147483647, area_m2 = 999999999.999,
  book_value = 0.00000000000000000001 WHERE id = 16;
UPDATE premises SET latitude = 'NaN', longitude = 'Infinity', energy_rating = 'NaN' WHERE id = 17;
UPDATE premises SET latitude = '-0', longitude = '-Infinity', energy_rating = '-Infinity' WHERE id = 18;
UPDATE premises SET latitude = 1.7976931348623157e308, longitude = 0.1::float8 + 0.2, energy_rating = 16777216 WHERE id = 19;
UPDATE premises SET attributes =
  '{"nested": {"list": [1, 2.50, null, {"deep": [true, [], {}]}], "quote": "\"", "tab": "\t", "emoji": "🦆"},
    "number": 12345678901234567890123456789.125}' WHERE id = 20;
UPDATE premises SET floor_plan = '\x00090a0d5c4e00ff' WHERE id = 21;
UPDATE premises SET built_on = '1900-01-01', created_at = '1900-01-01 00:00:00', opens_at = '00:00:00' WHERE id = 22;
UPDATE premises SET built_on = '2299-12-31', created_at = '2299-12-31 23:59:59.999999', opens_at = '23:59:59.999999' WHERE id = 23;
UPDATE premises SET created_at = '2024-03-31 02:30:00', updated_at = '2024-10-27 02:30:00+02' WHERE id = 24;
UPDATE premises SET id = 9223372036854775807 WHERE id = 20000;

INSERT INTO premise_details
SELECT
  n,
  kind,
  CASE WHEN n % 4 > 0 THEN kind || ' seen by inspector ' || n % 50 END,
  CASE WHEN n % 3 > 0 THEN n * 7919 % 100000 / 8.0 END,
  CASE WHEN n % 6 = 0 THEN jsonb_build_object('parts', jsonb_build_array(n % 7, NULL, kind)) END,
  CASE WHEN n % 5 > 0 THEN ARRAY[n, -n, NULL, n % 100] END,
  CASE WHEN n % 7 > 0 THEN n % 24 * interval '1 month' + n % 3600 * interval '1 second' END,
  CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN true ELSE false END,
  CASE WHEN n % 3 > 0 THEN md5('inspector' || n % 50)::uuid END,
  date '2010-01-01' + n % 5000,
  timestamptz '2024-01-01 00:00+00' + n * 1493 % 31000000 * interval '1 second' + n % 1000 * interval '1 millisecond'
FROM generate_series(1, 20000) AS n, unnest(ARRAY['heating', 'roof']) AS kind;

UPDATE premise_details SET detail_kind = E'odd\tkind\\' WHERE premise_id = 31 AND detail_kind = 'roof';
UPDATE premise_details SET detail_kind = '🦆' WHERE premise_id = 32 AND detail_kind = 'roof';
UPDATE premise_details SET detail_kind = '' WHERE premise_id = 33 AND detail_kind = 'roof';
UPDATE premise_details SET value_text = '\N', readings = '{}', service_interval = '0' WHERE premise_id = 34;
UPDATE premise_details SET value_text = '', readings = '{NULL,-2147483648,2147483647}',
  service_interval = '-1 year -2 mons +3 days -04:05:06.789' WHERE premise_id = 35;
UPDATE premise_details SET value_number = 9999999999999999.9999, valid_from = '1900-01-01' WHERE premise_id = 36;
UPDATE premise_details SET value_number = -9999999999999999.9999, valid_from = '2299-12-31' WHERE premise_id = 37;
UPDATE premise_details SET service_interval = '178000000 years 11 mons', value_json = 'null' WHERE premise_id = 38;
