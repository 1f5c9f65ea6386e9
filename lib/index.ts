/**
 * astar-po: post-train language-model agents with A*-PO inside your Node process. Importing loads no native code; the first model
 * does, and says what to do when libtorch is missing.
 */

// environments
export type { Agent } from './env/agent.ts';
export type { EnvironmentDescription } from './env/describe-environment.ts';
export type {
  Environment,
  Episode,
  MessagesObservation,
  Observation,
  StepResult,
  Task,
  TaskList,
  TextObservation,
} from './env/environment.ts';
export { observationText } from './env/observation-text.ts';
export type { CallFormat, StyleSettings } from './env/webshop/agent/agent-options.ts';
export type { AgentStyle, Dialogue, Offer, PageView, PlayedTurn, ReadTurn } from './env/webshop/agent/agent-style.ts';
export { type Candidate, type CandidateOptions, candidateActions } from './env/webshop/agent/candidates.ts';
export { type AgentStyleName, agentStyle, agentStyleNames } from './env/webshop/agent/styles.ts';
export { shopTools } from './env/webshop/agent/tools-style.ts';
export { type GenerateOptions, generateCatalogue } from './env/webshop/catalogue/generate-catalogue.ts';
export type { Goal, GoalOptions } from './env/webshop/catalogue/goals.ts';
export {
  type CatalogueResult,
  type ImportOptions,
  type ImportProgress,
  importCatalogue,
} from './env/webshop/catalogue/import-catalogue.ts';
export type { Product } from './env/webshop/catalogue/products.ts';
export type { Layout } from './env/webshop/pages/layout.ts';
export { PythonRandom } from './env/webshop/python/python-random.ts';
export { type ColorAndSize, normalizeColorSize } from './env/webshop/reward/normalize-sizes.ts';
export type { Score } from './env/webshop/reward/reward.ts';
export type { ConventionOptions, PenaltyFor, ScoreConventionName, SuccessThreshold } from './env/webshop/scoring/conventions.ts';
export type { Signals } from './env/webshop/scoring/progress.ts';
export type { ActionFacts, Payment, ScoreConvention, Shaping, TurnFacts } from './env/webshop/scoring/scoring.ts';
export type { ScoringOptions } from './env/webshop/scoring/scoring-options.ts';
export type { ShapingChoice, ShapingName } from './env/webshop/scoring/shapings.ts';
export type { Outcome, Page } from './env/webshop/shop/session.ts';
export type { SplitScheme } from './env/webshop/shop/splits.ts';
export { type BiasedOptions, biasedShopper } from './env/webshop/shoppers/biased-shopper.ts';
export { catalogueTexts, shopTokenPattern } from './env/webshop/shoppers/catalogue-texts.ts';
export { randomValidAgent } from './env/webshop/shoppers/random-agent.ts';
export { type ScriptedOptions, scriptedShopper } from './env/webshop/shoppers/scripted-shopper.ts';
export type { SyntheticOptions } from './env/webshop/synthetic/synthetic.ts';
export type { SessionRecord, VerboseInfo } from './env/webshop/text-shop/session-record.ts';
export { TextShop, type TextShopStep } from './env/webshop/text-shop/text-shop.ts';
export type { TextShopOptions } from './env/webshop/text-shop/text-shop-options.ts';
export type { TitleNouns, TitleTagger, TitleTaggerName } from './env/webshop/titles/title-tagger.ts';
export { WebShopEnv, type WebShopTask } from './env/webshop/webshop-env.ts';
export type { WebShopOptions } from './env/webshop/webshop-options.ts';
// the rest
export { AStarPOError, type ErrorCode, errorCodes, isAStarPOError } from './errors.ts';
// what a run tells
export { ConsoleSink } from './log/console.ts';
export { drain, type Sink } from './log/sink.ts';
export { TensorBoardSink } from './log/tensorboard.ts';
// models
export { type ChatFormat, type ChatOpening, type Conversation, type NextOptions, openConversation } from './model/chat/chat-format.ts';
export {
  ChatTemplate,
  type ChatTemplateOptions,
  type NamedTemplate,
  type RenderOptions,
  type TemplateSource,
} from './model/chat/chat-template.ts';
export { type ChatSettings, chatFormatFor } from './model/chat/choose-format.ts';
export type { ChatInput, ChatMessage, Tool } from './model/chat/message.ts';
export type { ChatOptions } from './model/chat/options.ts';
export { TemplateFormat, type TemplateFormatOptions } from './model/chat/template-format.ts';
export { chatML, chatMLSpecialTokens, compactChat, compactSpecialTokens } from './model/chat/token-formats.ts';
export { type ModelConfig, modelConfig, type NewModelConfig } from './model/config.ts';
export type { DeviceOptions } from './model/device-options.ts';
export { type Architecture, architectures } from './model/families/index.ts';
export type { Generated, GenerateParams, Generator, SamplingOptions, Sequence } from './model/generator.ts';
export type { HubOptions } from './model/hub/hub-options.ts';
export { type HubOrigin, type PullOptions, pullModel } from './model/hub/resolve-model.ts';
export { type InitModelOptions, initModel } from './model/init-model.ts';
export type { LoadOptions } from './model/load-options.ts';
export type { LoraDescription } from './model/lora/description.ts';
export { adapterModules, type LoraOptions } from './model/lora/options.ts';
export type { AdapterModule, LoraSettings } from './model/lora/settings.ts';
export type { ModelCard } from './model/model-card.ts';
export type { CallOptions, GenerateRequest } from './model/native-model.ts';
export { type MaskedTokens, type PackedBatch, packBatch } from './model/packed-batch.ts';
export type { Pass } from './model/pass.ts';
export {
  type ForwardOptions,
  type InitOptions,
  Policy,
  type RowGradients,
  type SaveFormat,
  type SaveOptions,
  type StepOptions,
  type StepOutcome,
} from './model/policy.ts';
export type { DownloadProgress, LoadProgress, ProgressOption, WeightsProgress } from './model/progress.ts';
export { ReferenceModel, type ReferenceOptions } from './model/reference-model.ts';
export type { ReferenceRows, ReferenceRowsSlice } from './model/reference-rows.ts';
export type { Rope } from './model/rope.ts';
export type { SaveModelOptions, WeightDType } from './model/save-options.ts';
export type { StreamedToken } from './model/stream.ts';
export type { DecodeStream } from './model/tokenization/decode-stream.ts';
export { type DecodeOptions, type EncodeOptions, Tokenizer } from './model/tokenizer.ts';
export { qwenPattern, type TrainTokenizerOptions, trainBytePairTokenizer } from './model/train-tokenizer.ts';
// objectives
export type { BatchItem, Objective, ObjectiveNeeds, PassView, Prepared, RowWeights, WholeBatch } from './objective/objective.ts';
export { type AStarPOOptions, type AStarPOSftOptions, astarPO, astarPOSft, objectiveNames, objectivePreset } from './objective/presets.ts';
export { type CurvePanel, type IntervalPanel, type Panel, renderCurves } from './report/curves.ts';
export { type AuditedTurn, type EpisodeAudit, EpisodeAuditFile } from './report/episode-audit.ts';
export { type InspectedContext, type InspectedSpan, type InspectedToken, type Inspection, inspectTrajectory } from './report/inspection.ts';
export { renderInspectionPage } from './report/inspection-page.ts';
export { renderInspection } from './report/inspection-text.ts';
export { SummaryFile, type SummarySettings } from './report/summary-file.ts';
export { auditResult } from './report/trajectory-audit.ts';
// rollouts
export { type ChatGenerator, type RolloutJob, type RolloutOptions, type RolloutResult, rollout, rolloutStream } from './rollout/rollout.ts';
export { type PlayAgentOptions, playAgent } from './rollout/scripted.ts';
export type { Context, FinishReason, Trajectory, Turn } from './rollout/trajectory.ts';
export { readTrajectories, saveTrajectories, type TrajectoryRecord } from './rollout/trajectory-file.ts';
// training
export { type EvaluateAgentOptions, type EvaluateOptions, evaluate, evaluateAgent } from './train/evaluate.ts';
export type { EvaluationResult, Metrics, TrainEvent } from './train/events.ts';
export { type MemoryPlan, type MemoryPlanInput, planMemory } from './train/memory-plan.ts';
export { type SupervisedOptions, type SupervisedProgress, type SupervisedResult, supervisedFineTune } from './train/sft.ts';
export { AStarPOTrainer } from './train/trainer.ts';
export type { TrainerOptions } from './train/trainer-options.ts';
export type { JsonObject, JsonValue } from './util/json.ts';
export { deriveSeed, Rng } from './util/rng.ts';
export { type Interval, wilsonInterval } from './util/statistics.ts';
// V*
export { type StoredSample, VStarCache } from './vstar/cache.ts';
export { estimateVStar, type VStarEstimate, type VStarMode } from './vstar/estimator.ts';
export {
  keyOf,
  type PromptFilter,
  type Stage1Options,
  type Stage1Progress,
  type Stage1Result,
  stage1,
  type VStarOptions,
} from './vstar/stage1.ts';
export {
  type CheckOptions,
  type CheckProgress,
  type CheckStage,
  checkEnvironment,
} from './webshop/check/check-environment.ts';
export type { CheckReport, SanityResult } from './webshop/check/check-report.ts';
export type { PerfectResult, UnsolvedGoal } from './webshop/check/perfect-check.ts';
export type { PlayerResult } from './webshop/check/player-check.ts';
