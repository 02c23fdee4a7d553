// A signature is traced in the frame as numbers; the server draws it. Without this, a paper does.
for (const field of document.querySelectorAll("[data-sign]")) {
  const canvas = field.querySelector("canvas");
  const kept = field.querySelector("input");
  const pen = canvas.getContext("2d");
  let strokes = kept.value ? kept.value.split(";").map((stroke) => stroke.split(" ")) : [];
  let tracing = false;
  field.hidden = false;
  canvas.style.touchAction = "none";
  const show = () => {
    canvas.width = 600;
    pen.lineWidth = 3;
    pen.lineCap = pen.lineJoin = "round";
    pen.strokeStyle = getComputedStyle(canvas).color;
    for (const stroke of strokes) {
      pen.beginPath();
      for (const point of [stroke[0], ...stroke]) pen.lineTo(...point.split(","));
      pen.stroke();
    }
    kept.value = strokes.map((stroke) => stroke.join(" ")).join(";");
  };
  const add = (event) => {
    const box = canvas.getBoundingClientRect();
    const at = (value, length, most) => Math.max(0, Math.min(most, Math.round((value / length) * most)));
    const point = `${at(event.clientX - box.left, box.width, 600)},${at(event.clientY - box.top, box.height, 200)}`;
    if (strokes.at(-1).at(-1) !== point) strokes.at(-1).push(point);
    show();
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    tracing = true;
    strokes.push([]);
    add(event);
  });
  canvas.addEventListener("pointermove", (event) => tracing && add(event));
  for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, () => { tracing = false; });
  field.querySelector("button").addEventListener("click", () => { strokes = []; show(); });
  show();
}
