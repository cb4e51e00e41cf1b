//! Makes the seeds of both targets from the core's valid inputs: `cargo run --example seeds`.

use std::fs;
use std::path::Path;

use hogtrace_core::{compile, wire};

fn main() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = here.join("seeds");
    for target in ["source", "bytes"] {
        fs::create_dir_all(seeds.join(target)).expect("a folder of seeds");
    }
    for entry in
        fs::read_dir(here.join("../core/tests/inputs/valid")).expect("the folder of inputs")
    {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name");
        let source = fs::read_to_string(&path).expect("UTF-8");
        let program = compile(&source, "seed").expect("a valid input compiles");
        fs::write(seeds.join("source").join(name), &source).expect("a seed");
        fs::write(
            seeds.join("bytes").join(name),
            wire::encode(program.program()),
        )
        .expect("a seed");
    }
}
