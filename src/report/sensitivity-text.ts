/** A measurement of sensitivities as text: tensors in the order in which they cost most. */
import type { SensitiveTensor, Sensitivity } from "../calibrate/sensitivity.types.ts";
import { formatError, formatInteger, formatPercent, formatThings } from "../text/format-number.ts";
import { printable } from "../text/printable.ts";
import { textTable, type Column, type TableOptions } from "../text/text-table.ts";
import { shapeText } from "./inspection-text.ts";

const divergenceText = (value: number): string => value.toExponential(2);

/** The measurement, for people. */
export function sensitivityText(sensitivity: Sensitivity, options: TableOptions = {}): string {
  const { tensors, candidates, reference, text, seed, tokens, context } = sensitivity;
  const total = tensors.reduce((sum, { divergence }) => sum + divergence, 0);
  const columns: readonly Column<SensitiveTensor>[] = [
    { title: "tensor", cell: ({ name }) => name, shrink: "middle", minWidth: 25 },
    { title: "shape", cell: ({ shape }) => shapeText(shape), dropOrder: 1 },
    { title: `KL in ${reference}`, cell: ({ divergence }) => divergenceText(divergence), align: "right" },
    { title: "share", cell: ({ divergence }) => formatPercent(total > 0 ? divergence / total : 0), align: "right" },
    ...candidates.map((name): Column<SensitiveTensor> => ({
      title: `nmse ${name}`,
      cell: ({ types }) => {
        const { codec, nmse } = types[name]!;
        return codec === name ? formatError(nmse) : `${formatError(nmse)} (${codec})`;
      },
      align: "right",
      dropOrder: 2,
    })),
  ];
  const sorted = [...tensors].sort((a, b) => b.divergence - a.divergence);
  const source = text === "self" ? `of the model's own, seed ${seed}` : `of ${text}`;
  return [
    textTable(columns, sorted, options),
    `measured  ${formatThings(tensors.length, "tensor")} alone in ${reference}, the rest as it is stored\n` +
      `text      ${formatInteger(tokens)} tokens ${printable(source)}, windows of ${context}\n` +
      `sum       ${divergenceText(total)} nats`,
  ].join("\n\n");
}
