//! The paths in an item, wherever they are written.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{
    Attribute, Ident, Item, UseTree, Visibility,
    visit::{self, Visit},
};

use crate::{
    attributes::{attributes, compiled_for_tests},
    module::{Import, Mention, Module},
};

/// Gathers the imports and the paths of an item.
pub(crate) fn gather(item: &Item, into: &mut Module) {
    Paths { module: into }.visit_item(item);
}

/// A name without the `r#` of a raw one.
pub(crate) fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

struct Paths<'a> {
    module: &'a mut Module,
}

impl Paths<'_> {
    fn mention<'i>(&mut self, leading: bool, segments: impl Iterator<Item = &'i Ident>, called: bool) {
        let mut line = 0;
        let mut path = if leading { vec![String::new()] } else { Vec::new() };
        for segment in segments {
            line = if line == 0 { segment.span().start().line } else { line };
            path.push(plain(segment));
        }
        self.module.mentions.push(Mention { path, line, called });
    }

    fn imports(&mut self, tree: &UseTree, prefix: &[String], public: bool) {
        let add = |segment: &Ident| [prefix, &[plain(segment)]].concat();
        let (name, path, at) = match tree {
            UseTree::Path(tree) => return self.imports(&tree.tree, &add(&tree.ident), public),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.imports(tree, prefix, public);
                }
                return;
            }
            UseTree::Name(tree) if tree.ident == "self" => (prefix.last().cloned(), prefix.to_vec(), tree.ident.span()),
            UseTree::Name(tree) => (Some(plain(&tree.ident)), add(&tree.ident), tree.ident.span()),
            UseTree::Rename(tree) if tree.ident == "self" => {
                (Some(plain(&tree.rename)), prefix.to_vec(), tree.rename.span())
            }
            UseTree::Rename(tree) => (Some(plain(&tree.rename)), add(&tree.ident), tree.ident.span()),
            UseTree::Glob(tree) => (None, prefix.to_vec(), tree.star_token.spans[0]),
        };
        self.module.imports.push(Import { name, path, public, line: at.start().line });
    }

    /// Paths in a macro's arguments or its definition. In a definition only those from the crate's root count: what the
    /// others name depends on where the macro is called.
    fn tokens(&mut self, tokens: TokenStream, definition: bool) {
        let mut path: Vec<Ident> = Vec::new();
        let mut punctuation = String::new();
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if punctuation != "::" {
                        self.path_in_tokens(&path, definition);
                        path.clear();
                    }
                    if punctuation != "." {
                        path.push(ident);
                    }
                    punctuation.clear();
                }
                TokenTree::Punct(punct) => punctuation.push(punct.as_char()),
                TokenTree::Group(group) => {
                    if let ([name], Delimiter::Parenthesis, "", false) =
                        (&path[..], group.delimiter(), &punctuation[..], definition)
                    {
                        self.mention(false, [name].into_iter(), false);
                    }
                    self.path_in_tokens(&path, definition);
                    path.clear();
                    punctuation.clear();
                    self.tokens(group.stream(), definition);
                }
                TokenTree::Literal(_) => punctuation.clear(),
            }
        }
        self.path_in_tokens(&path, definition);
    }

    fn path_in_tokens(&mut self, path: &[Ident], definition: bool) {
        if path.len() > 1 && (!definition || path[0] == "crate") {
            self.mention(false, path.iter(), false);
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if compiled_for_tests(attributes(item)) {
            return;
        }
        match item {
            Item::Use(item) => {
                let prefix = if item.leading_colon.is_some() { vec![String::new()] } else { Vec::new() };
                self.imports(&item.tree, &prefix, !matches!(item.vis, Visibility::Inherited));
            }
            Item::Macro(item) if item.ident.is_some() => self.tokens(item.mac.tokens.clone(), true),
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Const(item) => &item.attrs,
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            syn::ImplItem::Macro(item) => &item.attrs,
            _ => return visit::visit_impl_item(self, item),
        };
        if !compiled_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if !compiled_for_tests(&item.attrs) {
            visit::visit_trait_item_fn(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !compiled_for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if !compiled_for_tests(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if !compiled_for_tests(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if !compiled_for_tests(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        let attributes = match statement {
            syn::Stmt::Local(local) => &local.attrs[..],
            syn::Stmt::Macro(call) => &call.attrs,
            syn::Stmt::Expr(syn::Expr::Block(block), _) => &block.attrs,
            syn::Stmt::Expr(syn::Expr::Call(call), _) => &call.attrs,
            syn::Stmt::Expr(syn::Expr::MethodCall(call), _) => &call.attrs,
            syn::Stmt::Expr(syn::Expr::If(branch), _) => &branch.attrs,
            _ => &[],
        };
        if !compiled_for_tests(attributes) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(function) = &*call.func
            && let Some(name) = function.path.get_ident()
        {
            self.mention(false, [name].into_iter(), false);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        // A name alone in lower case is a variable, unless it is called.
        if path.get_ident().is_none_or(|name| plain(name).starts_with(char::is_uppercase)) {
            self.mention(path.leading_colon.is_some(), path.segments.iter().map(|segment| &segment.ident), false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let path = &call.path;
        self.mention(path.leading_colon.is_some(), path.segments.iter().map(|segment| &segment.ident), true);
        self.tokens(call.tokens.clone(), false);
    }
}
