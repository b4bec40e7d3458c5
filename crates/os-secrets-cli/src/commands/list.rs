//! `list`: prints the names of secrets, and their scopes.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IsTerminal},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::{Program, args::ServiceArg, context::Context, failure::Failure, output::printable};
use os_secrets::{
    progress::Progress,
    scope::{InScopes, Name},
};

pub fn list(context: &Context, service: ServiceArg, json: bool, long: bool) -> Result<(), Failure> {
    let text = match context.service(service)? {
        Some(_) if long => return Err(Failure::Usage("--long cannot be used with --service".into())),
        Some(service) => list_credentials(context, service, json)?,
        None => {
            let (scopes, scope) = (context.scopes(), context.scope_to_read());
            let (names, changes) = context.call(Progress::reading(true), |progress| async move {
                let names = scopes.list(scope, &progress).await?;
                let has_users = names.values().any(|found| found.user);
                let changes = match long && has_users {
                    true => scopes.user.list_changes(&progress).await?,
                    false => BTreeMap::new(),
                };
                Ok((names, changes))
            })?;
            let changed = |name: &Name, found: &InScopes| {
                let time = changes.get(name.as_str()).filter(|_| !found.repository);
                time.copied().and_then(spell_time)
            };
            if json {
                let object = |(name, found): (&Name, &InScopes)| {
                    let mut object = object_of(name, *found);
                    if long {
                        object["changed"] = changed(name, found).into();
                    }
                    object
                };
                as_json(names.iter().map(object).collect())
            } else if long || shows_scopes(context) {
                as_table(&names, changed)
            } else {
                names.keys().map(|name| format!("{name}\n")).collect()
            }
        }
    };
    context.output.write(text.as_bytes())
}

fn list_credentials(context: &Context, service: String, json: bool) -> Result<String, Failure> {
    let (store, wanted) = (context.store(), service.clone());
    let names: BTreeSet<_> = context.call(Progress::reading(true), |progress| async move {
        let keys = store.store()?.list(Some(&wanted), &progress).await?;
        Ok(keys.into_iter().map(|key| key.name).collect())
    })?;
    Ok(match json {
        true => as_json(names.iter().map(|name| json!({ "service": service, "name": name })).collect()),
        false => names.iter().map(|name| format!("{}\n", printable(name))).collect(),
    })
}

/// Whether a user reads the result, and not another program, which expects names only.
fn shows_scopes(context: &Context) -> bool {
    context.program != Program::BusSecrets && context.output.file.is_none() && io::stdout().is_terminal()
}

fn as_json(array: Value) -> String {
    format!("{array}\n")
}

/// The scope whose value is used, and the other one if it has a secret of this name, too.
fn scopes_of(found: InScopes) -> (&'static str, Option<&'static str>) {
    match (found.repository, found.user) {
        (true, true) => ("repo", Some("user")),
        (true, false) => ("repo", None),
        (false, _) => ("user", None),
    }
}

fn object_of(name: &Name, found: InScopes) -> Value {
    let (scope, shadows) = scopes_of(found);
    json!({ "name": name.as_str(), "scope": scope, "shadows": shadows })
}

fn as_table(
    names: &BTreeMap<Name, InScopes>,
    changed: impl Fn(&Name, &InScopes) -> Option<String>,
) -> String {
    let width = names.keys().map(|name| name.as_str().len()).max().unwrap_or(0);
    let lines = names.iter().map(|(name, found)| match (scopes_of(*found), changed(name, found)) {
        ((scope, None), None) => format!("{:width$}  {scope}\n", name.as_str()),
        ((scope, None), Some(changed)) => format!("{:width$}  {scope}  {changed}\n", name.as_str()),
        ((scope, Some(other)), _) => format!("{:width$}  {scope} (shadows {other})\n", name.as_str()),
    });
    lines.collect()
}

/// A time as RFC 3339, in UTC and in whole seconds. `None` if it is before 1970.
fn spell_time(time: SystemTime) -> Option<String> {
    const DAY: u64 = 86_400;
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let (hour, minute, second) = (seconds % DAY / 3600, seconds / 60 % 60, seconds % 60);
    // Years start in March here, so that the leap day is the last one. 719,468 days lie between that of the year 0 and 1970.
    let days = seconds / DAY + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_spelled_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(spell_time(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap(), text);
        }
    }
}
