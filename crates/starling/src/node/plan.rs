//! What a change of members would do, for people and programs.

use serde_json::Value;

use crate::table::Table;
use crate::{Ending, output};

/// Shows a forecast. `is_begun` says whether the change is made.
pub(super) fn show(
    forecast: &Value,
    title: &str,
    is_begun: bool,
    json: bool,
) -> anyhow::Result<Ending> {
    if json {
        let mut answer = forecast.clone();
        answer["begun"] = is_begun.into();
        return output::line(answer.to_string());
    }
    let mut table = Table::new(&["node", "shards before", "shards after", "fetches", "gives up"]);
    for node in forecast["nodes"].as_array().into_iter().flatten() {
        let keys = ["node", "shards_before", "shards_after", "fetches", "gives_up"];
        table.row(keys.iter().map(|key| &node[*key]));
    }
    output::line(title)?;
    output::line(table.text())?;
    output::line(summary(forecast))?;
    output::line(if is_begun {
        "begun: `starling node list` shows how far it is"
    } else {
        "nothing was changed: add --yes to go on"
    })
}

/// How much moves, how long it takes about, and what is at risk.
fn summary(forecast: &Value) -> String {
    let number = |key: &str| forecast[key].as_u64().unwrap_or(0);
    let risk = match (number("lost_shards"), number("endangered_shards")) {
        (0, 0) => "nothing is at risk".to_owned(),
        (0, few) => format!("AT RISK: {few} shard(s) have too few owners that are up"),
        (lost, few) => format!(
            "AT RISK: {lost} shard(s) have no owner that is up, {few} have too few: what only \
             lost nodes hold is lost"
        ),
    };
    format!(
        "{} copies of shards move: about {} elements, {} bytes, {} s; {risk}",
        number("copies"),
        number("elements"),
        number("bytes"),
        number("seconds")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::summary;

    #[test]
    fn what_is_at_risk_is_said_aloud() {
        let plan = json!({ "copies": 3, "elements": 9, "bytes": 900, "seconds": 5 });
        assert!(summary(&plan).ends_with("900 bytes, 5 s; nothing is at risk"));
        let mut risky = plan.clone();
        risky["endangered_shards"] = json!(2);
        assert!(summary(&risky).contains("AT RISK: 2 shard(s) have too few"));
        risky["lost_shards"] = json!(1);
        assert!(summary(&risky).contains("1 shard(s) have no owner"));
    }
}
