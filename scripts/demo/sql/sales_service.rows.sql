-- 300 sources and 40,000 leads.
CREATE TEMPORARY TABLE numbers (n int unsigned NOT NULL PRIMARY KEY)
WITH digits (d) AS (
  SELECT 0 UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
  UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9
)
SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS n
FROM digits a, digits b, digits c, digits d, digits e WHERE e.d < 4;

INSERT INTO leadsources
SELECT
  n,
  CONCAT('src-', LPAD(n, 4, '0')),
  CONCAT(ELT(1 + n % 4, 'Search', 'Hotline', 'Reseller', 'Trade fair'), ' ', n),
  ELT(1 + n % 4, 'web', 'phone', 'partner', 'event'),
  IF(n % 6 = 0, NULL, n % 90 + 0.99),
  n % 10 <> 0,
  IF(n % 4 = 1, SEC_TO_TIME(25200 + n % 8 * 1800), NULL),
  IF(n % 5 = 0, NULL, CAST(n AS signed) * 1000003 - 150000000),
  TIMESTAMP('2019-05-01 08:00:00') + INTERVAL n * 7 HOUR
FROM numbers WHERE n <= 300;

UPDATE leadsources SET name = '', external_id = -9223372036854775808 WHERE id = 7;
UPDATE leadsources SET name = 'a\tb\nc\\', external_id = 9223372036854775807, opens_at = '-00:30:00' WHERE id = 8;
UPDATE leadsources SET id = 65535 WHERE id = 300;

INSERT INTO leads
SELECT
  n,
  1 + n % 299,
  CONCAT('lead', n % 30000, '@example.org'),
  IF(n % 9 = 0, NULL, CONCAT(ELT(1 + n % 4, 'Mia', 'Noé', 'Łukasz', '健'), ' ', ELT(1 + n % 3, 'Šimić', 'Weiß', 'Åberg'))),
  IF(n % 4 = 0, NULL, CONCAT('Please send an offer for ', n % 40, ' sites.')),
  IF(n % 3 = 0, NULL, CONCAT('Offer ', n)),
  IF(n % 5 = 0, NULL, JSON_OBJECT('source', ELT(1 + n % 3, 'ads', 'mail', 'fair'), 'campaign', n % 60, 'paid', n % 2 = 0)),
  IF(n % 2 = 0, NULL, CONCAT('https://search.example/?q=', n % 500)),
  CONCAT('/offers/', n % 80, '?lang=', ELT(1 + n % 3, 'de', 'fr', 'pl')),
  CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN INET6_ATON(CONCAT('2001:db8::', HEX(n)))
    ELSE INET6_ATON(CONCAT('192.0.2.', n % 256)) END,
  IF(n % 6 = 0, NULL, n % 900 * 12.5),
  IF(n % 7 = 0, NULL, n % 1000 / 997),
  n % 13 <> 0,
  IF(n % 8 = 0, NULL, n * 13 % 3600),
  IF(n % 3 = 0, NULL, CAST(n * 17 % 4000 AS signed) - 2000),
  TIMESTAMP('2024-06-01 00:00:00') + INTERVAL n * 600 SECOND + INTERVAL n % 1000 * 1000 MICROSECOND
FROM numbers;

UPDATE leads SET full_name = '', message = '', subject = '', referrer = '', landing_page = '', utm = '[]' WHERE id = 11;
UPDATE leads SET message = '\\N', subject = '\\N', referrer = 'NULL', landing_page = '\\' WHERE id = 12;
UPDATE leads SET message = REPEAT('Ωmega\t"quoted"\r\n🚀', 6000), ip_address = UNHEX('00000000') WHERE id = 13;
UPDATE leads SET budget = 9999999999.99, score = -1.7976931348623157e308, session_seconds = 4294967295 WHERE id = 14;
UPDATE leads SET clock_skew_ms = -2147483648, received_at = '1900-01-01 00:00:00.000' WHERE id = 15;
UPDATE leads SET clock_skew_ms = 2147483647, received_at = '2299-12-31 23:59:59.999' WHERE id = 16;
UPDATE leads SET utm = '{"a": {"b": [null, [1, [2]], {"c": "tab\\t quote\\" emoji 🦆"}]}}' WHERE id = 17;
