-- Something to provision on a fresh machine: organization 1 and the root group 1000. Running it again changes nothing.
INSERT INTO organizations (id, name, path, created_at, updated_at)
VALUES (1, 'Default', 'default', now(), now())
ON CONFLICT DO NOTHING;

INSERT INTO namespaces (id, name, path, type, organization_id, traversal_ids, created_at, updated_at)
VALUES (1000, 'Demo Group', 'demo-group', 'Group', 1, '{1000}', now(), now())
ON CONFLICT DO NOTHING;

INSERT INTO namespace_settings (namespace_id, created_at, updated_at)
VALUES (1000, now(), now())
ON CONFLICT DO NOTHING;

-- The ids above were given, not drawn: move the sequences past them, never back.
SELECT setval('organizations_id_seq', 1) FROM organizations_id_seq WHERE NOT is_called;
SELECT setval('namespaces_id_seq', 1000) FROM namespaces_id_seq WHERE last_value < 1000;
