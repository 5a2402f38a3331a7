-- Between the runs: changed rows, and new ones, one of which was never updated.
UPDATE devices SET battery = 0, is_online = false, updated_at = now() WHERE serial_number BETWEEN 'SN-00003001' AND 'SN-00004000';
UPDATE devices SET settings = settings || '{"reviewed": true}' WHERE updated_at IS NULL;
INSERT INTO devices
SELECT md5('new' || id::text)::uuid, 'NEW-' || serial_number, model, status, premise_id, ip_address, mac_address, labels, channels,
  calibration, settings, raw_manifest, public_key, battery, reporting_interval, quiet_from, is_online, installed_on,
  last_seen_at, CASE WHEN serial_number <> 'SN-00000201' THEN now() END
FROM devices WHERE serial_number BETWEEN 'SN-00000201' AND 'SN-00000500';
