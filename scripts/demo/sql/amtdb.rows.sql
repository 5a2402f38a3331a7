-- 30,000 customers and 50,000 accounts: plausible ones, then a few updates that plant what a careless copy would spoil.
CREATE TEMPORARY TABLE numbers (n int unsigned NOT NULL PRIMARY KEY)
WITH digits (d) AS (
  SELECT 0 UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
  UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9
)
SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS n
FROM digits a, digits b, digits c, digits d, digits e WHERE e.d < 5;

INSERT INTO customers
SELECT
  n,
  IF(n % 11 = 0, NULL, CONCAT('customer', n, '@example.com')),
  IF(n % 5 = 0, NULL, CONCAT('+49 30 ', LPAD(n * 37 % 10000000, 7, '0'))),
  IF(n % 3 = 0, NULL, UNHEX(MD5(n))),
  ELT(1 + n % 8, 'Ada', 'Björn', 'Chloé', 'Dmitri', 'Ելենա', '愛子', 'João', 'Zoë'),
  IF(n % 4 = 0, NULL, CONCAT(ELT(1 + n % 5, 'Kranich', 'Ørsted', 'O''Hara', 'Müller & Sons', 'Nordlicht'), ' ', n)),
  ELT(1 + n % 6, 'DE', 'AT', 'CH', 'FR', 'PL', 'DK'),
  IF(n % 9 = 0, NULL, 1930 + n % 80),
  IF(n % 6 = 0, NULL, SEC_TO_TIME(28800 + n * 61 % 36000)),
  CAST(n * 7919 % 20000 AS signed) - 10000,
  CAST(n % 27 AS signed) * 60 - 720,
  IF(n % 10 = 0, NULL, CAST(n % 11 AS signed) - 5),
  n * 104729 % 10000019 / 7,
  n % 50 = 0,
  IF(n % 8 = 0, NULL, JSON_OBJECT('language', ELT(1 + n % 3, 'de', 'fr', 'pl'), 'topics', JSON_ARRAY('price', n % 7))),
  IF(n % 3 = 0, NULL, CONCAT('Called on day ', n % 365, '; interested in plan ', n % 12, '.')),
  IF(n % 20 = 0, UNHEX(CONCAT('89504E470D0A1A0A', MD5(n), '00FF')), NULL),
  IF(n % 7 = 0, NULL, TIMESTAMP('2025-01-01 00:00:00') + INTERVAL n * 613 % 15000000 SECOND),
  TIMESTAMP('2018-01-01 00:00:00') + INTERVAL n * 6121 % 190000000 SECOND,
  TIMESTAMP('2024-02-01 00:00:00') + INTERVAL n * 997 % 30000000 SECOND + INTERVAL n * 7 MICROSECOND
FROM numbers WHERE n <= 30000;

UPDATE customers SET email = '', phone = '', company = '', notes = '', preferences = '{}', avatar = '' WHERE id = 21;
UPDATE customers SET first_name = '\\N', company = 'NULL', notes = '\\N' WHERE id = 22;
UPDATE customers SET notes = 'tab\there, newline\nhere, return\rhere, zero\0here, backslash \\ at the end\\' WHERE id = 23;
UPDATE customers SET first_name = '🦆', company = 'Zalgo Ž̷̢, שלום, 👩‍👩‍👧 GmbH', notes = REPEAT('🎉 naïve ', 4000) WHERE id = 24;
UPDATE customers SET birth_year = 1901, preferred_call_time = '-838:59:59', rating = -128 WHERE id = 25;
UPDATE customers SET birth_year = 2155, preferred_call_time = '838:59:59', rating = 127 WHERE id = 26;
UPDATE customers SET loyalty_points = -8388608, timezone_offset_minutes = -32768,
  lifetime_value = -99999999999999999999.9999999999 WHERE id = 27;
UPDATE customers SET loyalty_points = 8388607, timezone_offset_minutes = 32767,
  lifetime_value = 99999999999999999999.9999999999 WHERE id = 28;
UPDATE customers SET avatar = UNHEX('00090A0D5C4E00FF'), preferences =
  '{"nested": {"list": [1, 2.5, null, {"deep": [true, [], {}]}], "quote": "\\"", "tab": "\\t", "emoji": "🦆"}}' WHERE id = 29;
UPDATE customers SET last_login_at = '1970-01-01 00:00:01', created_at = '2024-03-31 01:30:00' WHERE id = 31;
UPDATE customers SET last_login_at = '2038-01-19 03:14:07', created_at = '2024-10-27 01:30:00' WHERE id = 32;

INSERT INTO accounts
SELECT
  n,
  1 + n % 30000,
  LPAD(n, 12, '0'),
  UNHEX(MD5(CONCAT('account', n))),
  CASE WHEN n % 17 = 0 THEN 'closed' WHEN n % 13 = 0 THEN 'suspended' ELSE 'active' END,
  ELT(1 + n % 5, '', 'paperless', 'vip', 'paperless,vip', 'paperless,vip,dunning'),
  (CAST(n * 7919 % 2000003 AS signed) - 1000000) / 16,
  IF(n % 7 = 0, NULL, n % 200 * 250),
  ELT(1 + n % 4, 'EUR', 'CHF', 'PLN', 'DKK'),
  n % 500 / 10000,
  IF(n % 6 = 0, NULL, n % 1000 / 1000),
  n % 3 = 0,
  1 + n % 28,
  ELT(1 + n % 4, 7, 14, 30, 60),
  n * 31 % 400,
  n % 256,
  DATE('1995-01-01') + INTERVAL n % 11000 DAY,
  IF(n % 17 = 0, DATE('2025-01-01') + INTERVAL n % 150 DAY, NULL),
  TIMESTAMP('2015-01-01 00:00:00') + INTERVAL n * 6121 % 330000000 SECOND,
  TIMESTAMP('2024-01-01 00:00:00') + INTERVAL n * 997 % 31536000 SECOND + INTERVAL n * 7 MICROSECOND
FROM numbers;

-- A thousand rows that one statement touched: equal cursors.
UPDATE accounts SET updated_at = '2025-06-30 12:00:00.000001' WHERE id BETWEEN 10001 AND 11000;
UPDATE accounts SET customer_id = 4294967295, account_uuid = UNHEX('00112233'), account_code = 'ümläut 🦆' WHERE id = 41;
UPDATE accounts SET balance = 9999999999999999.9999, credit_limit = 9999999999.99 WHERE id = 42;
UPDATE accounts SET balance = -9999999999999999.9999, credit_limit = -9999999999.99 WHERE id = 43;
UPDATE accounts SET interest_rate = 1.7976931348623157e308, risk_score = 3.4028234e38 WHERE id = 44;
UPDATE accounts SET interest_rate = 2.2250738585072014e-308, risk_score = 1.17549435e-38 WHERE id = 45;
UPDATE accounts SET interest_rate = 0.1 + 0.2, risk_score = 16777216 WHERE id = 46;
UPDATE accounts SET billing_day = 255, payment_terms_days = 65535, invoice_count = 16777215, permissions = b'11111111' WHERE id = 47;
UPDATE accounts SET opened_on = '1900-01-01', created_at = '2015-12-31 23:59:59' WHERE id = 48;
UPDATE accounts SET opened_on = '2299-12-31', account_uuid = UNHEX('095C4E0A0D00') WHERE id = 49;
UPDATE accounts SET id = 9223372036854775808 WHERE id = 49999;
UPDATE accounts SET id = 18446744073709551615 WHERE id = 50000;
