/** SQL of a query for the settings of the row `namespaces`, locked: the columns of `NamespaceSettings`. */
export const LOCKED_SETTINGS = `
  SELECT seat_control, new_user_signups_cap, prevent_sharing_groups_outside_hierarchy, duo_nano_features_enabled
  FROM namespace_settings WHERE namespace_id = namespaces.id FOR NO KEY UPDATE`;
