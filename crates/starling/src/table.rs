//! Rows in columns, for people.

use serde_json::Value;

/// A table that grows by rows.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(titles: &[&str]) -> Self {
        Self { rows: vec![titles.iter().map(|title| (*title).into()).collect()] }
    }

    /// Adds a row; what is absent is shown as a dash.
    pub(crate) fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a Value>) {
        let show = |cell: &Value| match cell {
            Value::Null => "-".into(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.rows.push(cells.into_iter().map(show).collect());
    }

    /// Returns the table with its columns aligned, without a line end behind the last row.
    pub(crate) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["node", "state"]);
        table.row([&json!(1), &json!("up")]);
        table.row([&json!(12345), &Value::Null]);
        assert_eq!(table.text(), "node   state\n1      up\n12345  -");
    }
}
