// Draws the land's silhouette for the map of participants: `node static/map.mjs FILE`.
// No border line anywhere; mid-grey with opacity, so that one file serves light and dark.
import { readFileSync, writeFileSync } from "node:fs";
import { geoArea, geoCentroid, geoEqualEarth, geoPath } from "d3-geo";
import { feature } from "topojson-client";

// the same numbers stand in lms/web/maps.py, which places the bubbles
const WIDTH = 960, HEIGHT = 430, MERIDIAN = 11, SCALE = 180.94, X = 478.1, Y = 240.2;

// one polygon at a time: Antarctica and specks go, the rest keeps its outline
const parts = (geometry) => geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
const land = JSON.parse(readFileSync("node_modules/world-atlas/land-110m.json", "utf8"));
const polygons = feature(land, land.objects.land).features.flatMap((f) => parts(f.geometry))
  .map((coordinates) => ({ type: "Polygon", coordinates }))
  .filter((p) => geoCentroid(p)[1] > -60 && geoArea(p) > 0.0002);
const silhouette = { type: "MultiPolygon", coordinates: polygons.map((p) => p.coordinates) };

// "M10,20L12,21…Z" with steps instead of places: half the size
function relative(path) {
  let [px, py] = [0, 0];
  return path.split("M").filter(Boolean).map((ring) => {
    const points = ring.replace("Z", "").split("L").map((p) => p.split(",").map(Number));
    const [x0, y0] = points[0];
    let steps = "";
    for (const [x, y] of points) {
      const first = x === x0 && y === y0 && !steps;
      if (!first && x === px && y === py) continue;
      const step = `${x - px},${y - py}`;
      steps += first ? `m${step}l` : `${steps.endsWith("l") ? "" : " "}${step}`;
      [px, py] = [x, y];
    }
    [px, py] = [x0, y0];
    return `${steps}z`;
  }).join("").replaceAll(",-", "-").replaceAll(" -", "-");
}

const projection = geoEqualEarth().rotate([-MERIDIAN, 0]).scale(SCALE).translate([X, Y]);
const d = relative(geoPath(projection).digits(0)(silhouette));
const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}">`;
writeFileSync(process.argv[2], `${open}<path d="${d}" fill="#7f9296" fill-opacity=".3"/></svg>\n`);
