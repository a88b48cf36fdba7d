//! What a function says by returning `Err`, for those functions whose result nobody gets.

use serde::Serialize;
use serde_json::Value;

use crate::error::Error;

/// The error in a result, if `R` is a `Result` and this is one. Text stays text, an [`Error`] stays one, and any other type is told as
/// JSON: of a type that is only known to be serializable, no more can be said.
pub(crate) fn refusal<R: Serialize + 'static>(result: &R) -> Option<Error> {
    let name = std::any::type_name::<R>();
    if !name.starts_with("core::result::Result<") {
        return None;
    }
    let Ok(Value::Object(mut fields)) = serde_json::to_value(result) else { return None };
    let error = fields.remove("Err")?;
    if name.ends_with(&format!(", {}>", std::any::type_name::<Error>()))
        && let Ok(error) = serde_json::from_value(error.clone())
    {
        return Some(error);
    }
    Some(Error::Failed(match error {
        Value::String(text) => text,
        other => other.to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text<R: Serialize + 'static>(result: R) -> Option<String> {
        refusal(&result).map(|error| error.to_string())
    }

    #[test]
    fn errors_are_told_and_nothing_else() {
        assert_eq!(text(Err::<(), _>("no database".to_string())).as_deref(), Some("no database"));
        assert_eq!(text(Err::<u32, _>((1, "two"))).as_deref(), Some("[1,\"two\"]"));
        assert_eq!(text(Ok::<u32, String>(5)), None);
        assert_eq!(text(5), None);
        assert_eq!(text(Some("Err")), None);
        let own = Err::<(), _>(Error::TimedOut { after: Duration::from_secs(2), pid: Some(7) });
        assert!(matches!(refusal(&own), Some(Error::TimedOut { pid: Some(7), .. })));
    }
}
