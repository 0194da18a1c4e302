// What every widget over a mapped corpus reads from its model.

/** Read the corpus: {points, texts, topics: [{name, field}], topicOf}. */
export function readCorpus(model) {
  const points = model.get("points");
  return {
    points: Array.isArray(points) ? Float32Array.from(points.flat()) : floatsOf(points),
    texts: model.get("texts"),
    topics: model.get("topics").map(({ name, field }) => ({
      name: name.replaceAll("_", " "),
      field: field.replaceAll("_", " "),
    })),
    topicOf: model.get("topic_of"),
  };
}

/** Read a view on bytes as float32 numbers. */
export function floatsOf({ buffer, byteOffset, byteLength }) {
  // A comm's buffer may start anywhere, an array of floats may not: copy
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}
