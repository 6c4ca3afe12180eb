//! Rhai, fully optimised and without its checks; once by walking its tree, once by its machine for bytecode.

use std::hint::black_box;

use rhai::{
    AST, Dynamic, Engine, OptimizationLevel, Scope,
    grain::{Compiler, SharedProgram, Vm},
    serde::to_dynamic,
};

use super::Program;
use crate::Failure;

pub(crate) fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.set_optimization_level(OptimizationLevel::Full);
    engine.set_fast_operators(true);
    engine
}

pub(crate) fn scope(input: &serde_json::Value) -> Result<Scope<'static>, Failure> {
    let mut scope = Scope::new();
    for name in ["order", "rows"] {
        scope.push_dynamic(name, to_dynamic(&input[name])?);
    }
    Ok(scope)
}

pub(crate) struct Tree<'a> {
    engine: &'a Engine,
    ast: AST,
    scope: Scope<'static>,
}

pub(crate) fn tree<'a>(
    engine: &'a Engine,
    source: &str,
    scope: &Scope<'static>,
) -> Result<Tree<'a>, Failure> {
    Ok(Tree { engine, ast: engine.compile(source)?, scope: scope.clone() })
}

impl Tree<'_> {
    fn eval(&mut self) -> Result<Dynamic, Failure> {
        let value = self.engine.eval_ast_with_scope::<Dynamic>(&mut self.scope, &self.ast);
        self.scope.rewind(2);
        Ok(value?)
    }
}

impl Program for Tree<'_> {
    fn run(&mut self, times: u64) -> Result<(), Failure> {
        for _ in 0..times {
            let _ = black_box(black_box(&mut *self).eval()?);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<serde_json::Value, Failure> {
        Ok(serde_json::to_value(self.eval()?)?)
    }
}

pub(crate) struct Bytecode<'a> {
    vm: Vm<'a>,
    program: SharedProgram,
    calls_back: bool,
    scope: Scope<'static>,
}

pub(crate) fn bytecode<'a>(
    engine: &'a Engine,
    source: &str,
    scope: &Scope<'static>,
) -> Result<Bytecode<'a>, Failure> {
    let program = Compiler::new().compile(&engine.compile(source)?);
    let calls_back = program.makes_fn_pointers();
    Ok(Bytecode { vm: Vm::new(engine), program: program.into_shared(), calls_back, scope: scope.clone() })
}

impl Bytecode<'_> {
    fn eval(&mut self) -> Result<Dynamic, Failure> {
        let value = match self.calls_back {
            true => self.vm.eval_with_callbacks(&mut self.scope, &self.program),
            false => self.vm.eval_with_scope(&mut self.scope, &self.program),
        };
        self.scope.rewind(2);
        Ok(value?)
    }
}

impl Program for Bytecode<'_> {
    fn run(&mut self, times: u64) -> Result<(), Failure> {
        for _ in 0..times {
            let _ = black_box(black_box(&mut *self).eval()?);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<serde_json::Value, Failure> {
        Ok(serde_json::to_value(self.eval()?)?)
    }
}
