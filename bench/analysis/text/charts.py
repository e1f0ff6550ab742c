"""What the report says of each chart, under it and to those who do not see it."""

from __future__ import annotations

CHARTS_EN = {
    "chart_label_survival": "Label survival by attack and carrier format; the table below holds the same numbers.",
    "chart_watermark_survival": "Watermarks by attack: bits read back, files detected, false detections; the table "
    "below holds the same numbers.",
    "chart_severity": "Error rates of {subject} against attack severity; the tables below hold the same numbers.",
    "chart_edited_by_area": "How often {subject} flags AI-edited files against their edited area, beside fully AI "
    "and human files; the tables below hold the same numbers.",
    "chart_policy": "Shares of AI and of human files that a platform would show as confirmed, declared, suspected or "
    "unlabelled, per attack; the table below holds the same numbers.",
    "chart_roc": "ROC curves of {subject} before and after the most damaging attacks; their AUCs, and the rates at "
    "the frozen threshold, are in the table below.",
    "chart_det": "DET curves of {subject}, misses against false positives on normal-deviate axes, before and after the "
    "most damaging attacks; the rates at the frozen threshold are in the table below.",
    "chart_controls": "What attacks that use a model leave of labels and detectors, beside the same detour without the "
    "model.",
    "chart_matrix": "Misses and false positives of every detector under every attack, with marks where the attack "
    "changes them; each detector's table of what an attack changes holds the same numbers.",
    "chart_ranks": "Detectors ranked by the area under their misses, with intervals; the table of robustness holds "
    "the same numbers.",
    "chart_slope": "Misses of every detector on untouched files, over all attacks and under its worst attack; the "
    "table of robustness holds the same numbers.",
    "chart_distributions": "Scores of {subject} on human and AI files, untouched and under the attacks that harm it "
    "most, with the frozen threshold; the quartiles are in a table below.",
    "chart_quality": "Detection by {subject} against the picture quality that each attack leaves, PSNR and SSIM; the "
    "table of picture quality holds the latter.",
    "chart_subgroups": "False positives of {subject} by source of the human files, with the gap between them; a table "
    "below holds the same numbers.",
    "chart_calibration": "Share of AI files against the probability that {subject} gives; a table below holds the "
    "same numbers.",
}

CHARTS_ZH = {
    "chart_label_survival": "标识留存率：按攻击与载体格式；数字同下表。",
    "chart_watermark_survival": "各攻击下的水印：比特读回率、检出率与误检率；数字同下表。",
    "chart_severity": "{subject} 的误报率和漏报率随攻击强度的变化；数字同下方各表。",
    "chart_edited_by_area": "{subject} 标记 AI 编辑文件的比率随编辑面积的变化，并列出全 AI 文件与非 AI 文件；数字同"
    "下方各表。",
    "chart_policy": "各攻击下，AI 文件与非 AI 文件被平台显示为确认、声明、疑似或不加提示的占比；数字同下表。",
    "chart_roc": "{subject} 的 ROC 曲线：攻击前，以及危害最大的几种攻击之后；AUC 与冻结阈值处的比率见下表。",
    "chart_det": "{subject} 的 DET 曲线（正态偏差坐标上的漏报率与误报率）：攻击前，以及危害最大的几种攻击之后；冻结阈值"
    "处的比率见下表。",
    "chart_controls": "使用模型的攻击与其对照（同样的处理，但不用模型）之后，标识与检测器各剩下什么。",
    "chart_matrix": "各检测器在各攻击下的漏报率与误报率，攻击带来显著变化处有标记；数字同各检测器的“各攻击带来的变化”"
    "表。",
    "chart_ranks": "检测器按漏报面积的名次及其置信区间；数字同鲁棒性表。",
    "chart_slope": "各检测器的漏报率：未受攻击、全部攻击平均、最坏攻击；数字同鲁棒性表。",
    "chart_distributions": "{subject} 对非 AI 与 AI 文件的得分分布：未受攻击时，以及危害最大的几种攻击之后，附冻结阈"
    "值；四分位数见下表。",
    "chart_quality": "{subject} 的检出率与各攻击之后画质（PSNR 和 SSIM）的关系；画质数字见画质表。",
    "chart_subgroups": "{subject} 对不同来源的非 AI 文件的误报率及其差距；数字同下表。",
    "chart_calibration": "AI 文件的实际占比与 {subject} 给出的概率；数字同下表。",
}
