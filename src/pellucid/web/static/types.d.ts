/** What the server answers, as far as the page reads it. Described in full in openapi.json. */

export interface Subject {
  name: string; version: number; steps: number; can_undo: number; network: string; widths: number[]; activations: string[];
  parameters: number; classes: string[]; reads_drawings: boolean; tells_classes_apart: boolean;
}
export interface State {
  instance: string; library: string; read_only: boolean; subject: Subject; is_given: boolean;
  training: { name: string; value: string }[]; engine: string; fingerprint: string;
  choices: { parts: string[]; data: string[]; activations: string[]; solvers: string[]; rates: Record<string, number>; undo: number };
  run: { state: string };
}
export interface Written { text: string; mathml: string }
export interface Column { makes: Written; parts: { amount: string; what: Written }[]; total: string }
export interface ReadLayer { layer: number; width: number; off: number; loudest: number; largest: string; shades: number[] }
export interface Read {
  says: string; share: string; second: { class: string; share: string };
  probabilities: { class: string; share: string; percent: string; value: number }[]; layers: ReadLayer[];
}
export interface Digit extends Read { version: number; pixels: string; stages: { name: string; words: string; picture: string }[] }
export interface Drawn { picture: string; largest: string }
export interface NeuronRecord {
  version: number; layer: number; place: number; name: string; weights: Drawn; inputs: Drawn; contributions: Drawn; z: string;
  sum: Column; bend: Written | null;
}
export interface Check { words: string }
export interface StepRecord {
  symbol: string; phase: string; tag: string; title: string; formula: Written; shapes: string; lines: Written[]; sums: Column[];
  numbers: { rows: string[][]; about: string }; note: string; check: Check | null; shape: number[];
}
export interface ExplanationRecord {
  id: number; version: number; headline: string; label: string; says: string; picture: string | null; steps: StepRecord[];
  can_undo: number; learning_rate: number; loss: number; loss_numeral: string; loss_after_numeral: string;
}
export interface NumbersPage { from: number; of: number; numbers: { place: string; numeral: string; exact: string }[] }
export interface Along { points: { rate: string; loss: string; predicted: string; at: [number, number | null, number | null] }[] }
export interface Evaluation { version: number; why_not: string; found: Found | null }
export interface Found {
  network: string; what: string; examples: number; wrong: number; unanswered: number; accuracy: string; loss: string;
  calibration_error: string;
  classes: string[]; confusion: number[][]; precision: string[]; recall: string[]; reliability: string;
  bins: { examples: number; sure: string; right: string }[];
}
export interface Gallery { version: number; from: number; of: number; mistakes: { index: number; is: string; said: string; sure: string; picture: string | null }[] }
export interface LayerOfRun { layer: number; width: number; gradient_norm: string; update_ratio: string; dead: number; dead_neurons: number[] }
export interface Run {
  changes: number; state: string; unchanged?: boolean; sentence: string; notices: string[]; rate: number; config: Record<string, unknown>;
  network?: string; parameters?: number; rows?: { training: number; validation: number }; steps?: number; steps_an_epoch?: number;
  epoch?: number; epochs?: number;
  layers?: LayerOfRun[]; looked_at?: number;
  listed?: { epoch: number; loss: string; validation_loss: string; accuracy: string; validation_accuracy: string; seconds: string }[];
  charts?: { loss: string; errors: string } | null; now?: { loss: string; validation_loss: string; validation_accuracy: string } | null;
}
export type Stroke = [number, number][];
