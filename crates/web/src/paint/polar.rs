//! The geometry of the dial: sectors, arcs and marks in a picture of fixed size.
//!
//! Every buffer is drawn in the same local frame, its sector pointing straight up from the
//! dial's centre, and then turned into place: the shapes are computed once per pool size.

use std::f64::consts::TAU;
use std::fmt::Write;

use super::short::Short;

/// Width of the picture; the dial takes its middle, the callouts its corners.
pub const WIDTH: f64 = 640.0;
/// Height of the picture.
pub const HEIGHT: f64 = 556.0;
/// Where the sectors end.
pub const OUTER: f64 = 236.0;
/// Where the buffer numbers stand.
pub const NUMBERS: f64 = 250.0;
/// Where leaders run around the dial.
pub const LEADER: f64 = 265.0;
/// Thickness of the rim in the relation's colour.
pub const RIM: f64 = 9.0;

/// How much room a buffer has, from the size of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    /// Up to 20 buffers: pips in a row, upright numbers.
    Roomy,
    /// Up to 36: pips stacked along the radius.
    Snug,
    /// Up to 64: block numbers along the radius too.
    Tight,
}

impl Density {
    /// As the styles call it.
    pub fn class(self) -> &'static str {
        match self {
            Density::Roomy => "roomy",
            Density::Snug => "snug",
            Density::Tight => "tight",
        }
    }
}

/// The shapes that all buffers of a pool share.
#[derive(Clone, Debug)]
pub struct Shapes {
    /// Buffers around the dial.
    pub n: u32,
    /// How they are drawn.
    pub density: Density,
    /// Radius of the disc in the middle that carries the hand's words.
    pub hub: f64,
    /// Where sectors begin.
    pub inner: f64,
    /// The whole sector.
    pub sector: String,
    /// The middle line of the rim.
    pub rim: String,
    /// The orange corner.
    pub dirty: String,
    /// The violet triangle, around its own middle.
    pub pin: String,
    /// A second one below it, for more pins where there is no room for their number.
    pub pin_again: String,
    /// Where the middle is.
    pub pin_at: (f64, f64),
    /// Width of the triangle.
    pub mark: f64,
    /// Where the block number stands, as a distance from the centre.
    pub block_at: f64,
    /// Where the pips are.
    pub pips: [(f64, f64); 5],
    /// Radius of a pip.
    pub pip: f64,
}

/// A distance from the centre and an angle, clockwise from the top in radians, as x and y.
pub fn point(radius: f64, angle: f64) -> (f64, f64) {
    let (sin, cos) = sin_cos(angle);
    (radius * sin, -radius * cos)
}

/// An angle's sine and cosine, as the browser has them: Rust would bring its own.
pub fn sin_cos(angle: f64) -> (f64, f64) {
    (js_sys::Math::sin(angle), js_sys::Math::cos(angle))
}

/// The angle of a buffer's middle, clockwise from the top in degrees.
pub fn degrees(index: u32, n: u32) -> f64 {
    f64::from(index) * 360.0 / f64::from(n.max(1))
}

/// A coordinate, short.
pub fn coord(value: f64) -> String {
    Short(value).to_string()
}

/// An arc around the centre, as the data of a path; angles in radians, clockwise if `to > from`.
pub fn arc(radius: f64, from: f64, to: f64) -> String {
    let ((x0, y0), (x1, y1)) = (point(radius, from), point(radius, to));
    let large = u8::from((to - from).abs() > TAU / 2.0);
    let sweep = u8::from(to > from);
    format!(
        "M{} {}A{r} {r} 0 {large} {sweep} {} {}",
        coord(x0),
        coord(y0),
        coord(x1),
        coord(y1),
        r = coord(radius)
    )
}

/// A band between two distances around the straight-up direction, with parallel gaps.
pub fn band(inner: f64, outer: f64, half: f64, gap: f64) -> String {
    let (outside, inside) = (half - gap / outer / 2.0, half - gap / inner / 2.0);
    let ((x0, y0), (x1, y1)) = (point(outer, -outside), point(outer, outside));
    let ((x2, y2), (x3, y3)) = (point(inner, inside), point(inner, -inside));
    format!(
        "M{} {}A{o} {o} 0 0 1 {} {}L{} {}A{i} {i} 0 0 0 {} {}Z",
        coord(x0),
        coord(y0),
        coord(x1),
        coord(y1),
        coord(x2),
        coord(y2),
        coord(x3),
        coord(y3),
        o = coord(outer),
        i = coord(inner)
    )
}

fn triangle(points: [(f64, f64); 3]) -> String {
    let mut data = String::new();
    for (step, (x, y)) in points.into_iter().enumerate() {
        let _ = write!(data, "{}{} {}", if step == 0 { 'M' } else { 'L' }, coord(x), coord(y));
    }
    data.push('Z');
    data
}

/// An upright triangle around the origin, `down` below it.
fn pin(size: f64, down: f64) -> String {
    let half = size / 2.0;
    triangle([(0.0, down - half * 0.9), (half, down + half * 0.8), (-half, down + half * 0.8)])
}

/// Everything follows from the number of buffers.
impl PartialEq for Shapes {
    fn eq(&self, other: &Self) -> bool {
        self.n == other.n
    }
}

impl Shapes {
    /// The shapes for a pool of `n` buffers.
    pub fn new(n: u32) -> Self {
        let n = n.max(1);
        let (density, inner, gap, hub) = match n {
            0..=20 => (Density::Roomy, 146.0, 5.0, 82.0),
            21..=36 => (Density::Snug, 138.0, 4.0, 78.0),
            _ => (Density::Tight, 132.0, 3.0, 74.0),
        };
        let half = TAU / 2.0 / f64::from(n);
        let edge = OUTER - RIM;
        let at = |radius: f64, inset: f64| point(radius, half - (gap / 2.0 + inset) / radius);
        let left = |(x, y): (f64, f64)| (-x, y);
        let corner = (edge * half * 0.62).clamp(8.0, 22.0);
        let mark = (edge * half * 0.42).clamp(6.5, 13.0);
        let pip = match density {
            Density::Roomy => 4.4,
            Density::Snug => 3.8,
            Density::Tight => (inner * half * 0.42).clamp(2.6, 3.6),
        };
        let row = inner + 20.0;
        let apart = ((2.0 * half * row - gap - 3.0 * pip) / 4.0).min(11.4);
        let pips = std::array::from_fn(|index| {
            let step = index as f64 - 2.0;
            match density {
                Density::Roomy => point(row, step * apart / row),
                _ => (0.0, -(inner + 7.0 + index as f64 * (pip * 2.0 + 1.7))),
            }
        });
        Self {
            n,
            density,
            hub,
            inner,
            sector: band(inner, OUTER, half, gap),
            rim: arc(OUTER - RIM / 2.0, -half + gap / 2.0 / OUTER, half - gap / 2.0 / OUTER),
            dirty: triangle([at(edge, 0.0), at(edge, corner), at(edge - corner, 0.0)]),
            pin: pin(mark, 0.0),
            pin_again: pin(mark, mark),
            pin_at: left(at(edge - 1.5 - mark * 0.62, 1.5 + mark * 0.6)),
            mark,
            block_at: match density {
                Density::Roomy => inner + 56.0,
                Density::Snug => OUTER - 26.0,
                Density::Tight => OUTER - 37.0,
            },
            pips,
            pip,
        }
    }

    /// The first `count` pips, or those from `count` on, as one path.
    pub fn pips(&self, range: std::ops::Range<usize>) -> String {
        let mut data = String::new();
        for (x, y) in self.pips.iter().take(range.end).skip(range.start) {
            let (r, d) = (coord(self.pip), coord(self.pip * 2.0));
            let _ = write!(
                data,
                "M{} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0",
                coord(x - self.pip),
                coord(*y)
            );
        }
        data
    }

    /// How far a text in a buffer's local frame is turned: upright where there is room, along
    /// the radius where there is not, never upside down.
    pub fn turn(&self, index: u32) -> f64 {
        let angle = degrees(index, self.n);
        match self.density {
            Density::Tight if angle < 180.0 => -90.0,
            Density::Tight => 90.0,
            _ => -angle,
        }
    }
}

/// The four corners that callouts may take, as seen from the dial's centre.
pub const CORNERS: [f64; 4] = [39.0, 141.0, 219.0, 321.0];

/// The corner that a hand going clockwise from this angle meets first, and the one behind.
pub fn corners(angle: f64) -> (usize, usize) {
    let ahead = CORNERS.iter().position(|corner| *corner > angle).unwrap_or(0);
    (ahead, (ahead + CORNERS.len() - 1) % CORNERS.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn angles_run_clockwise_from_the_top() {
        let (x, y) = point(10.0, TAU / 4.0);
        assert!((x - 10.0).abs() < 1e-9 && y.abs() < 1e-9);
        assert_eq!(degrees(4, 16), 90.0);
        assert_eq!(coord(-0.01), "0");
    }

    #[wasm_bindgen_test]
    fn marks_stay_inside_their_sector() {
        for n in [16, 20, 32, 48, 64] {
            let shapes = Shapes::new(n);
            let half = TAU / 2.0 / f64::from(n);
            for (x, y) in shapes.pips {
                let radius = x.hypot(y);
                assert!(radius - shapes.pip > shapes.inner && radius + shapes.pip < OUTER);
                assert!(x.abs() + shapes.pip <= radius * half, "{n}: {x} {radius}");
            }
        }
    }

    #[wasm_bindgen_test]
    fn texts_are_never_upside_down() {
        for n in [16, 32, 64] {
            let shapes = Shapes::new(n);
            for index in 0..n {
                let net = (degrees(index, n) + shapes.turn(index)).rem_euclid(360.0);
                assert!(net <= 90.0 || net >= 270.0, "{n}/{index}: {net}");
            }
        }
    }

    #[wasm_bindgen_test]
    fn callouts_stand_on_both_sides_of_the_victim() {
        assert_eq!(corners(0.0), (0, 3));
        assert_eq!(corners(160.0), (2, 1));
        assert_eq!(corners(350.0), (0, 3));
    }
}
