-- 20,000 devices: plausible ones, some of which were never updated, then a few that a careless copy would spoil.
INSERT INTO devices
SELECT
  md5('device' || n)::uuid,
  'SN-' || lpad(n::text, 8, '0'),
  (ARRAY['Thermo 2', 'Hygro µ', 'Lux "XL"', 'CO₂ Wächter'])[1 + n % 4],
  (ARRAY['active', 'active', 'active', 'offline', 'retired'])[1 + n % 5]::device_status,
  CASE WHEN n % 6 > 0 THEN 1 + n % 19999 END,
  CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN '2001:db8::'::inet + n ELSE '10.0.0.0'::inet + n END,
  CASE WHEN n % 5 > 0 THEN ('08002b' || lpad(to_hex(n), 6, '0'))::macaddr END,
  (ARRAY['indoor', 'beta', 'leased'])[1:n % 4],
  ARRAY[n % 8, 8 + n % 8, -n],
  CASE WHEN n % 3 > 0 THEN ARRAY[n / 7.0, NULL, 0.1] END,
  jsonb_build_object('threshold', n % 40, 'modes', jsonb_build_array('eco', n % 2 = 0)),
  CASE WHEN n % 10 = 0 THEN ('{"b": 1,  "a": [' || n || ', null]}')::json END,
  CASE WHEN n % 9 = 0 THEN decode(md5('key' || n), 'hex') END,
  CASE WHEN n % 8 > 0 THEN (n % 1001 / 10.0)::real END,
  (1 + n % 60) * interval '1 minute',
  CASE WHEN n % 2 = 0 THEN time '21:30:00.000001' + n % 60 * interval '1 minute' END,
  n % 11 > 0,
  CASE WHEN n % 7 > 0 THEN date '2012-01-01' + n % 4900 END,
  CASE WHEN n % 13 > 0 THEN timestamptz '2025-05-01 00:00+00' + n * 61 % 5000000 * interval '1 second' END,
  CASE WHEN n % 997 > 0 THEN timestamptz '2024-01-01 00:00+00' + n * 1493 % 31000000 * interval '1.000003 seconds' END
FROM generate_series(1, 20000) AS n;

UPDATE devices SET model = '', labels = '{}', channels = '{}', calibration = '{}', settings = '{}'
  WHERE serial_number = 'SN-00000011';
UPDATE devices SET model = '\N', labels = ARRAY['\N', NULL, 'NULL', '', 'a,b', '"', E'\\', E'\t'], channels = '{NULL,-2147483648,2147483647}'
  WHERE serial_number = 'SN-00000012';
UPDATE devices SET model = E'tab\t newline\n return\r backslash\\', calibration = '{NaN,Infinity,-Infinity,-0,NULL,1e-308}'
  WHERE serial_number = 'SN-00000013';
UPDATE devices SET model = '🦆', settings = '{"deep": [{"deeper": [null, "\u0001", "🦆", 1e400]}]}', battery = 'NaN'
  WHERE serial_number = 'SN-00000014';
UPDATE devices SET ip_address = '10.1.0.0/16', raw_manifest = E'{"a": 1,\n\t"a": 2}', battery = '-Infinity'
  WHERE serial_number = 'SN-00000015';
UPDATE devices SET ip_address = '::ffff:192.0.2.1/96', public_key = '\x00090a0d5c4e00ff', reporting_interval = '-00:00:00.000001'
  WHERE serial_number = 'SN-00000016';
UPDATE devices SET quiet_from = '23:59:59.999999', installed_on = '1900-01-01', last_seen_at = '1900-01-01 00:00:00+00'
  WHERE serial_number = 'SN-00000017';
UPDATE devices SET quiet_from = '00:00:00', installed_on = '2299-12-31', last_seen_at = '2299-12-31 23:59:59.999999+00'
  WHERE serial_number = 'SN-00000018';
