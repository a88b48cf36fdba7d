//! Types and signatures of rustdoc's JSON as Rust writes them, with paths shortened to their last
//! name: a change of an import is none of the API.

use serde_json::Value;

fn list<'a>(value: &'a Value, part: impl Fn(&'a Value) -> String) -> Vec<String> {
    value.as_array().into_iter().flatten().map(part).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

fn in_brackets(parts: Vec<String>) -> String {
    if parts.is_empty() { String::new() } else { format!("<{}>", parts.join(", ")) }
}

/// Returns the only entry of an object: the kind of a thing, and the thing.
fn kind(value: &Value) -> (&str, &Value) {
    match value.as_object().and_then(|object| object.iter().next()) {
        Some((kind, inner)) => (kind, inner),
        None => (value.as_str().unwrap_or_default(), &Value::Null),
    }
}

/// Returns a path with its arguments.
pub(super) fn path(value: &Value) -> String {
    let whole = text(&value["path"]);
    let name = whole.rsplit("::").next().unwrap();
    let (form, inner) = kind(&value["args"]);
    match form {
        "parenthesized" => format!("{name}{}", signature(&inner["inputs"], &inner["output"], type_name)),
        _ => {
            let arguments = list(&inner["args"], argument);
            let constraints = list(&inner["constraints"], constraint);
            name.to_string() + &in_brackets([arguments, constraints].concat())
        }
    }
}

fn argument(value: &Value) -> String {
    match kind(value) {
        ("lifetime", name) => text(name),
        ("type", inner) => type_name(inner),
        ("const", inner) => text(&inner["expr"]),
        _ => "_".into(),
    }
}

fn constraint(value: &Value) -> String {
    let name = text(&value["name"]);
    match kind(&value["binding"]) {
        ("equality", term) => format!("{name} = {}", argument(term)),
        (_, inner) => format!("{name}: {}", bounds(inner)),
    }
}

fn signature<'a>(inputs: &'a Value, output: &Value, input: impl Fn(&'a Value) -> String) -> String {
    let output = if output.is_null() { String::new() } else { format!(" -> {}", type_name(output)) };
    format!("({}){output}", list(inputs, input).join(", "))
}

/// Returns a type.
pub(super) fn type_name(value: &Value) -> String {
    let (form, inner) = kind(value);
    match form {
        "resolved_path" => path(inner),
        "generic" | "primitive" => text(inner),
        "tuple" => match &list(inner, type_name)[..] {
            [only] => format!("({only},)"),
            all => format!("({})", all.join(", ")),
        },
        "slice" => format!("[{}]", type_name(inner)),
        "array" => format!("[{}; {}]", type_name(&inner["type"]), text(&inner["len"])),
        "impl_trait" => format!("impl {}", bounds(inner)),
        "dyn_trait" => {
            let traits = list(&inner["traits"], |bound| path(&bound["trait"]));
            let lifetime = inner["lifetime"].as_str().map(String::from);
            format!("dyn {}", traits.into_iter().chain(lifetime).collect::<Vec<_>>().join(" + "))
        }
        "raw_pointer" => {
            let how = if inner["is_mutable"] == true { "mut" } else { "const" };
            format!("*{how} {}", type_name(&inner["type"]))
        }
        "borrowed_ref" => {
            let lifetime = inner["lifetime"].as_str().map(|name| format!("{name} ")).unwrap_or_default();
            let how = if inner["is_mutable"] == true { "mut " } else { "" };
            format!("&{lifetime}{how}{}", type_name(&inner["type"]))
        }
        "function_pointer" => {
            let sig = &inner["sig"];
            format!("fn{}", signature(&sig["inputs"], &sig["output"], |input| type_name(&input[1])))
        }
        "qualified_path" => {
            let (of, name) = (type_name(&inner["self_type"]), text(&inner["name"]));
            match path(&inner["trait"]) {
                of_trait if of_trait.is_empty() => format!("{of}::{name}"),
                of_trait => format!("<{of} as {of_trait}>::{name}"),
            }
        }
        other => other.to_string(),
    }
}

/// Returns the bounds of a type, joined.
pub(super) fn bounds(value: &Value) -> String {
    let bound = |bound: &Value| match kind(bound) {
        ("trait_bound", inner) => {
            let maybe = if inner["modifier"] == "maybe" { "?" } else { "" };
            let (higher, _) = parameters(&inner["generic_params"]);
            let higher = if higher.is_empty() { higher } else { format!("for{higher} ") };
            format!("{maybe}{higher}{}", path(&inner["trait"]))
        }
        ("outlives", name) => text(name),
        (_, names) => format!("use<{}>", list(names, argument_name).join(", ")),
    };
    list(value, bound).join(" + ")
}

fn argument_name(value: &Value) -> String {
    text(kind(value).1)
}

/// Returns parameters in brackets, and the bounds of each.
fn parameters(value: &Value) -> (String, Vec<String>) {
    let (mut names, mut bounded) = (Vec::new(), Vec::new());
    for parameter in value.as_array().into_iter().flatten() {
        let (name, (form, inner)) = (text(&parameter["name"]), kind(&parameter["kind"]));
        // `impl Trait` in an argument is a parameter too, and is shown where it stands.
        if inner["is_synthetic"] == true {
            continue;
        }
        let above = bounds(&inner["bounds"]);
        if !above.is_empty() {
            bounded.push(format!("{name}: {above}"));
        }
        names.push(match form {
            "const" => format!("const {name}: {}", type_name(&inner["type"])),
            _ if inner["default"].is_null() => name,
            _ => format!("{name} = {}", type_name(&inner["default"])),
        });
    }
    (in_brackets(names), bounded)
}

/// Returns the parameters of an item in brackets, and its where-clause.
pub(super) fn generics(value: &Value) -> (String, String) {
    let (names, mut bounded) = parameters(&value["params"]);
    bounded.extend(list(&value["where_predicates"], |predicate| {
        let (form, inner) = kind(predicate);
        match form {
            "bound_predicate" => format!("{}: {}", type_name(&inner["type"]), bounds(&inner["bounds"])),
            "lifetime_predicate" => {
                format!("{}: {}", text(&inner["lifetime"]), list(&inner["outlives"], text).join(" + "))
            }
            _ => format!("{} = {}", type_name(&inner["lhs"]), argument(&inner["rhs"])),
        }
    }));
    let clause = if bounded.is_empty() { String::new() } else { format!(" where {}", bounded.join(", ")) };
    (names, clause)
}

/// Returns a function with its signature.
pub(super) fn function(name: &str, value: &Value) -> String {
    let header = &value["header"];
    let is = |what: &str, word: &'static str| if header[what] == true { word } else { "" };
    let (names, clause) = generics(&value["generics"]);
    let receiver_or_type = |input: &Value| match (text(&input[0]).as_str(), type_name(&input[1])) {
        ("self", kind) => kind.replace("Self", "self"),
        (name, kind) => format!("{name}: {kind}"),
    };
    let sig = &value["sig"];
    format!(
        "{}{}{}fn {name}{names}{}{clause}",
        is("is_const", "const "),
        is("is_async", "async "),
        is("is_unsafe", "unsafe "),
        signature(&sig["inputs"], &sig["output"], receiver_or_type),
    )
}
