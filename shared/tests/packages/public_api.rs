//! What the crate exports is what `public-api.txt` lists: a change of it is seen, and intended.
//!
//! The list is made of rustdoc's JSON, which is for nightly toolchains only. `RUSTC_BOOTSTRAP`
//! makes the compiler at hand one, so that nothing has to be installed. Such a build has a folder
//! of its own, because the variable is a reason to build dependencies anew.

mod render;

use std::path::Path;

use serde_json::Value;

use self::render::{bounds, function, generics, path, type_name};
use super::{cargo, profile_folder, within_deadline};

/// The features whose parts are in the list: all that need nothing installed.
const FEATURES: &str = "manager-tcp,stream,test-support,tokio,trace-json,tracing";

/// The variable that has the list written instead of compared.
const UPDATE: &str = "UPDATE_PUBLIC_API";

/// Rustdoc's view of the crate, and the lines found in it so far.
struct Listing {
    index: Value,
    lines: Vec<String>,
}

impl Listing {
    fn item(&self, id: &Value) -> Option<Value> {
        self.index.get(id.to_string()).cloned()
    }

    fn items(&self, ids: &Value) -> Vec<Value> {
        ids.as_array().into_iter().flatten().filter_map(|id| self.item(id)).collect()
    }

    /// Adds a public item and all that belongs to it. `prefix` is the path of its module.
    fn add(&mut self, prefix: &str, item: &Value) {
        let (kind, inner) = item["inner"].as_object().and_then(|inner| inner.iter().next()).unwrap();
        let name = format!("{prefix}::{}", item["name"].as_str().unwrap_or_default());
        let open = if item["attrs"].to_string().contains("non_exhaustive") { "#[non_exhaustive] " } else { "" };
        let (parameters, bounded) = generics(&inner["generics"]);
        match kind.as_str() {
            "use" => {
                if let Some(mut target) = self.item(&inner["id"]) {
                    target["name"] = inner["name"].clone();
                    self.add(prefix, &target);
                }
                return;
            }
            "module" => self.items(&inner["items"]).iter().for_each(|item| self.add(&name, item)),
            "function" => {
                let line = function(&name, inner);
                self.lines.push(format!("pub {line}"));
            }
            "struct" | "union" => {
                self.lines.push(format!("{open}pub {kind} {name}{parameters}{bounded}"));
                let fields = self.items(&inner["kind"]["plain"]["fields"]);
                fields
                    .iter()
                    .filter(|field| field["visibility"] == "public")
                    .for_each(|field| self.field(&name, field));
            }
            "enum" => {
                self.lines.push(format!("{open}pub enum {name}{parameters}{bounded}"));
                self.items(&inner["variants"]).iter().for_each(|variant| self.variant(&name, variant));
            }
            "trait" => {
                let above = bounds(&inner["bounds"]);
                let above = if above.is_empty() { above } else { format!(": {above}") };
                self.lines.push(format!("pub trait {name}{parameters}{above}{bounded}"));
                self.items(&inner["items"]).iter().for_each(|item| self.associated(&name, item));
            }
            "type_alias" => {
                self.lines.push(format!("pub type {name}{parameters} = {}", type_name(&inner["type"])));
            }
            "constant" => self.lines.push(format!("pub const {name}: {}", type_name(&inner["type"]))),
            "macro" | "proc_macro" => self.lines.push(format!("pub macro {name}!")),
            other => panic!("{name} is a {other}, which the listing does not know yet"),
        }
        self.items(&inner["impls"]).iter().for_each(|block| self.implementation(&name, &block["inner"]["impl"]));
    }

    fn field(&mut self, owner: &str, field: &Value) {
        let (name, kind) = (field["name"].as_str().unwrap(), type_name(&field["inner"]["struct_field"]));
        self.lines.push(format!("pub {owner}.{name}: {kind}"));
    }

    fn variant(&mut self, owner: &str, variant: &Value) {
        let name = format!("{owner}::{}", variant["name"].as_str().unwrap());
        let kind = &variant["inner"]["variant"]["kind"];
        let values = self.items(&kind["tuple"]);
        let values: Vec<_> = values.iter().map(|value| type_name(&value["inner"]["struct_field"])).collect();
        let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
        self.lines.push(format!("pub {name}{values}"));
        self.items(&kind["struct"]["fields"]).iter().for_each(|field| self.field(&name, field));
    }

    /// Adds what belongs to a type or trait: a method, a type, a constant.
    fn associated(&mut self, owner: &str, item: &Value) {
        let name = format!("{owner}::{}", item["name"].as_str().unwrap());
        let inner = &item["inner"];
        self.lines.push(if let Some(method) = inner.get("function") {
            format!("pub {}", function(&name, method))
        } else if let Some(kind) = inner.get("assoc_type") {
            format!("pub type {name}: {}", bounds(&kind["bounds"]))
        } else {
            format!("pub const {name}: {}", type_name(&inner["assoc_const"]["type"]))
        });
    }

    /// Adds the methods of a type, or the trait that it implements. What follows from other code,
    /// such as `Send` and `Into`, is left out.
    fn implementation(&mut self, owner: &str, block: &Value) {
        if block["is_synthetic"] == true || !block["blanket_impl"].is_null() {
            return;
        }
        if block["trait"].is_null() {
            let methods = self.items(&block["items"]);
            methods.iter().for_each(|method| self.associated(owner, method));
        } else {
            let (parameters, bounded) = generics(&block["generics"]);
            let (name, of) = (path(&block["trait"]), type_name(&block["for"]));
            // What every `derive(PartialEq)` adds is the compiler's own.
            if name == "StructuralPartialEq" {
                return;
            }
            self.lines.push(format!("impl{parameters} {name} for {of}{bounded}"));
        }
    }
}

/// Returns the list, as the file has it.
fn exported() -> String {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = profile_folder().parent().unwrap().join("public-api");
    let mut rustdoc = cargo("rustdoc", package);
    rustdoc.args(["--package", "multiproc", "--lib", "--features", FEATURES]);
    rustdoc.args(["--", "-Zunstable-options", "--output-format=json", "--cap-lints=allow"]);
    rustdoc.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", &target).env_remove("RUSTDOCFLAGS");
    let output = rustdoc.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(target.join("doc/multiproc.json")).unwrap();
    let mut docs: Value = serde_json::from_str(&text).unwrap();
    let root = docs["root"].take();
    let mut listing = Listing { index: docs["index"].take(), lines: Vec::new() };
    let items = listing.item(&root).unwrap()["inner"]["module"]["items"].clone();
    listing.items(&items).iter().for_each(|item| listing.add("multiproc", item));
    listing.lines.sort();
    listing.lines.dedup();
    listing.lines.join("\n") + "\n"
}

/// Returns the lines of `text` that `other` lacks, each after a sign.
fn missing(text: &str, other: &str, sign: char) -> String {
    let others: Vec<_> = other.lines().collect();
    text.lines().filter(|line| !others.contains(line)).map(|line| format!("{sign} {line}\n")).collect()
}

#[test]
fn public_api_is_what_its_file_lists() {
    within_deadline(|| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("public-api.txt");
        let exported = exported();
        assert!(exported.lines().count() > 300, "{exported}");
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(&file, &exported).unwrap();
        }
        let listed = std::fs::read_to_string(&file).unwrap();
        assert!(
            exported == listed,
            "The public API is not what shared/public-api.txt lists:\n{}{}\
             If this is intended, write the file anew, and name the change in CHANGELOG.md:\n\
             {UPDATE}=1 cargo test -p multiproc --test packages -- public_api",
            missing(&listed, &exported, '-'),
            missing(&exported, &listed, '+'),
        );
        Ok(())
    });
}
