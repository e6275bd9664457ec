//! The graph as a picture: a layered layout from left to right, each component in a box of its own.
//!
//! Within a box, what is needed stands in a column to the right of what needs it; a few sweeps over the columns put
//! neighbours at about the same height, so that few arrows cross.

use std::collections::HashMap;
use std::fmt::Write as _;

use resource_graph::ResourceGraph;

use super::tree::Tree;

const NODE_HEIGHT: f64 = 44.0;
const COLUMN_GAP: f64 = 56.0;
const ROW_GAP: f64 = 16.0;
const PADDING: f64 = 16.0;
/// Room for a box's name.
const HEADING: f64 = 26.0;
/// A little more than the width of a character in the fonts below, in pixels.
const CHARACTER: f64 = 7.0;
const SWEEPS: usize = 4;

const STYLE: &str = "\
.box{fill:#f6f8fa;stroke:#d0d7de}\
.node{fill:#fff;stroke:#57606a}\
.arrow{fill:none;stroke:#57606a;stroke-width:1.2}\
text{font:12px system-ui,sans-serif;fill:#1f2328}\
.name{font-weight:600}\
.type{font-size:10px;fill:#57606a}";

/// The graph as an SVG document.
pub fn svg(graph: &ResourceGraph) -> String {
    let tree = Tree::new(graph);
    let arrows = tree.arrows(graph);
    let mut picture = Picture { tree: &tree, inner: inner_arrows(&tree, &arrows), placed: HashMap::new() };
    let (width, height) = picture.arrange(None, (PADDING, PADDING));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\">\n<style>{STYLE}</style>\n\
         <defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#57606a\"/></marker></defs>\n",
        width = width + 2.0 * PADDING,
        height = height + 2.0 * PADDING,
    );
    for index in 0..tree.specs.len() {
        picture.draw(index, &mut text);
    }
    for (from, to) in &arrows {
        picture.draw_arrow(*from, *to, &mut text);
    }
    text.push_str("</svg>\n");
    text
}

/// For each box (`None` is the whole picture), the arrows between what stands right inside it.
fn inner_arrows(tree: &Tree<'_>, arrows: &[(usize, usize)]) -> HashMap<Option<usize>, Vec<(usize, usize)>> {
    let mut inner: HashMap<Option<usize>, Vec<(usize, usize)>> = HashMap::new();
    for (from, to) in arrows {
        let (from_way, to_way) = (tree.way(*from), tree.way(*to));
        // Down from the outermost box to where the two ways part.
        let common = from_way.iter().zip(&to_way).take_while(|(a, b)| a == b).count();
        if let (Some(from), Some(to)) = (from_way.get(common), to_way.get(common)) {
            let around = common.checked_sub(1).map(|last| from_way[last]);
            inner.entry(around).or_default().push((*from, *to));
        }
    }
    for arrows in inner.values_mut() {
        arrows.sort_unstable();
        arrows.dedup();
        // Boxes may need parts of each other; only arrows to what was made earlier count for the columns.
        arrows.retain(|(from, to)| to < from);
    }
    inner
}

#[derive(Clone, Copy)]
struct Rectangle {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

struct Picture<'t, 'a> {
    tree: &'t Tree<'a>,
    inner: HashMap<Option<usize>, Vec<(usize, usize)>>,
    placed: HashMap<usize, Rectangle>,
}

impl Picture<'_, '_> {
    /// Places all that stands right inside a box, its upper left corner at `at`, and all inside that. Returns the size
    /// that it takes.
    fn arrange(&mut self, around: Option<usize>, at: (f64, f64)) -> (f64, f64) {
        let items = match around {
            Some(index) => self.tree.children[index].clone(),
            None => self.tree.roots.clone(),
        };
        let arrows = self.inner.get(&around).cloned().unwrap_or_default();
        let columns = columns(&items, &arrows);
        let sizes: HashMap<usize, (f64, f64)> = items.iter().map(|item| (*item, self.measure(*item))).collect();
        let height_of = |column: &[usize]| {
            let gaps = ROW_GAP * column.len().saturating_sub(1) as f64;
            column.iter().map(|item| sizes[item].1).sum::<f64>() + gaps
        };
        let height = columns.iter().map(|column| height_of(column)).fold(0.0, f64::max);
        let mut left = at.0;
        for column in &columns {
            let width = column.iter().map(|item| sizes[item].0).fold(0.0, f64::max);
            let mut top = at.1 + (height - height_of(column)) / 2.0;
            for item in column {
                let (own_width, own_height) = sizes[item];
                self.place(*item, Rectangle { left, top, width: own_width, height: own_height });
                top += own_height + ROW_GAP;
            }
            left += width + COLUMN_GAP;
        }
        ((left - at.0 - COLUMN_GAP).max(0.0), height)
    }

    fn place(&mut self, item: usize, rectangle: Rectangle) {
        self.placed.insert(item, rectangle);
        if self.tree.is_box(item) {
            self.arrange(Some(item), (rectangle.left + PADDING, rectangle.top + HEADING + PADDING / 2.0));
        }
    }

    fn measure(&mut self, item: usize) -> (f64, f64) {
        let spec = self.tree.specs[item];
        let longest = spec.urn.name().chars().count().max(spec.type_token.as_str().chars().count());
        let label = longest as f64 * CHARACTER + 2.0 * PADDING;
        if !self.tree.is_box(item) {
            return (label, NODE_HEIGHT);
        }
        let (width, height) = self.arrange(Some(item), (0.0, 0.0));
        ((width + 2.0 * PADDING).max(label), height + HEADING + 1.5 * PADDING)
    }

    fn draw(&self, index: usize, text: &mut String) {
        let spec = self.tree.specs[index];
        let Rectangle { left, top, width, height } = self.placed[&index];
        let is_box = self.tree.is_box(index);
        let class = if is_box { "box" } else { "node" };
        let (name, kind) = (escape(spec.urn.name()), escape(spec.type_token.as_str()));
        let _ = writeln!(
            text,
            "<g><title>{}</title><rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\" rx=\"6\"/>",
            escape(spec.urn.as_str())
        );
        let (x, y) = (left + PADDING / 2.0, top + 17.0);
        let _ = if is_box {
            writeln!(
                text,
                "<text x=\"{x:.1}\" y=\"{y:.1}\"><tspan class=\"name\">{name}</tspan> <tspan class=\"type\">{kind}</tspan></text></g>"
            )
        } else {
            writeln!(
                text,
                "<text class=\"name\" x=\"{x:.1}\" y=\"{y:.1}\">{name}</text>\
                 <text class=\"type\" x=\"{x:.1}\" y=\"{:.1}\">{kind}</text></g>",
                y + 16.0
            )
        };
    }

    fn draw_arrow(&self, from: usize, to: usize, text: &mut String) {
        let (from, to) = (self.placed[&from], self.placed[&to]);
        let (x1, y1) = (from.left + from.width, from.top + from.height / 2.0);
        let (x2, y2) = (to.left, to.top + to.height / 2.0);
        let bend = ((x2 - x1).abs() / 2.0).max(COLUMN_GAP / 2.0);
        let _ = writeln!(
            text,
            "<path class=\"arrow\" marker-end=\"url(#end)\" d=\"M{x1:.1} {y1:.1}C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}\"/>",
            x1 + bend,
            x2 - bend
        );
    }
}

/// Puts items into columns: each to the right of all that need it, neighbours at about the same height. `arrows` lead
/// from later items to earlier ones.
fn columns(items: &[usize], arrows: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut column_of: HashMap<usize, usize> = items.iter().map(|item| (*item, 0)).collect();
    let mut needed_by: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut needs: HashMap<usize, Vec<usize>> = HashMap::new();
    for (from, to) in arrows {
        needed_by.entry(*to).or_default().push(*from);
        needs.entry(*from).or_default().push(*to);
    }
    let mut later_first = items.to_vec();
    later_first.sort_unstable_by_key(|item| std::cmp::Reverse(*item));
    for item in later_first {
        let after = needed_by.get(&item).into_iter().flatten().map(|other| column_of[other] + 1).max();
        column_of.insert(item, after.unwrap_or(0));
    }
    let count = column_of.values().max().map_or(0, |last| last + 1);
    let mut columns = vec![Vec::new(); count];
    for item in items {
        columns[column_of[item]].push(*item);
    }
    let mut height: HashMap<usize, f64> = HashMap::new();
    for sweep in 0..SWEEPS {
        let neighbours = if sweep % 2 == 0 { &needed_by } else { &needs };
        let order: Vec<usize> = if sweep % 2 == 0 { (0..count).collect() } else { (0..count).rev().collect() };
        for index in order {
            let column = &mut columns[index];
            let middle = |item: &usize, place: usize| {
                let known: Vec<f64> =
                    neighbours.get(item).into_iter().flatten().filter_map(|other| height.get(other).copied()).collect();
                if known.is_empty() { place as f64 } else { known.iter().sum::<f64>() / known.len() as f64 }
            };
            let mut ordered: Vec<(f64, usize)> =
                column.iter().enumerate().map(|(place, item)| (middle(item, place), *item)).collect();
            ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
            *column = ordered.into_iter().map(|(_, item)| item).collect();
            let center = (column.len() as f64 - 1.0) / 2.0;
            for (place, item) in column.iter().enumerate() {
                height.insert(*item, place as f64 - center);
            }
        }
    }
    columns
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML can't hold control characters at all.
            _ if character.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}
