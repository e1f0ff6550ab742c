"""The report in Chinese: headings, leads, and the sentences of its summary.

Terms are those of GB 45438-2025 and of the Measures for Labelling AI-generated Content of 2025
(人工智能生成合成内容标识办法).
"""

from __future__ import annotations

PROSE = {
    # page
    "title": "washtest：{suite}，数据集 {dataset}",
    "tagline": "洗过之后，标识还在吗？",
    "skip": "跳到摘要",
    "contents": "目录",
    "language": "语言",
    "unfinished": "本次测试尚未完成：计划 {planned} 个变体，已测 {done} 个，数字还会变化。",
    "star": "* 为模拟执行，详见“方法与证据”。",
    "nav_summary": "摘要",
    "nav_labels": "标识",
    "nav_watermarks": "水印",
    "nav_detectors": "检测器",
    "nav_policy": "平台提示",
    "nav_thresholds": "阈值",
    "nav_coverage": "覆盖与失败",
    "nav_method": "方法与证据",
    "fact_samples": "测试文件",
    "fact_attacks": "攻击",
    "fact_labels": "标识",
    "fact_watermarks": "水印",
    "fact_detectors": "检测器",
    "fact_views": "已测变体",
    "meta_suite": "测试套件",
    "meta_dataset": "数据集",
    "meta_samples": "样本",
    "meta_seed": "随机种子",
    "meta_version": "washtest",
    "meta_commit": "提交",
    "meta_dirty": "含未提交的改动",
    "meta_started": "开始时间",
    "meta_finished": "完成时间",
    "meta_command": "命令",
    "meta_versions": "版本",
    "meta_machine": "机器",
    "not_finished": "未完成",
    "truth_human": "非 AI",
    "truth_ai": "AI",
    "truth_ai_edited": "AI 编辑",
    # summary
    "summary": "摘要",
    "summary_lead": "以下结论由数字自动生成，按重要性排序；方括号内为 95 % 置信区间。",
    "charts_note": "图中文字为英文，图下附中文说明；图中的数字都在表格里。",
    "summary_none": "记录中尚无可供评判的内容。",
    "kind_warning": "注意",
    "kind_label": "标识",
    "kind_watermark": "水印",
    "kind_detector": "检测器",
    "kind_policy": "平台提示",
    "kind_gap": "缺口",
    "bias": "{detector} 识别的可能是文件格式而非画面（{regime}）：在未受攻击的 {n_human} 个非 AI 文件和 {n_ai} 个 AI "
    "文件上，完全不看像素的基线 AUC 为 {header}，{detector} 为 {auc}。",
    "guessing": "{detector} 并不优于完全不看像素的基线（{regime}）：在未受攻击的 {n_human} 个非 AI 文件和 {n_ai} 个 "
    "AI 文件上，AUC 为 {auc}，基线为 {header}。",
    "no_baseline": "本次测试没有文件头基线，无从得知仅凭文件格式能做到什么程度：请加上 --detector header。",
    "holds_best": "在 {ranked} 个检测器中，{best} 漏报最少（{regime}，按攻击类别平均，使用冻结阈值），其他检测器均不"
    "可能排第一；其次是 {second}。AI 文件共 {n} 个同源组。",
    "hold_alike": "{ranked} 个检测器中谁漏报最少，数据无法判定（{regime}，按攻击类别平均，使用冻结阈值）。可能排第一"
    "的有：{names}（AI 文件漏报率）。AI 文件共 {n} 个同源组。",
    "also_flags": "同样这些攻击之下的误报率：{names}。",
    "subgroup_gap": "{detector} 对不同{kind}的非 AI 文件误报率不同（{regime}，未受攻击）：{between} 之间相差 {gap} "
    "个百分点，共 {n_human} 个非 AI 文件。",
    "gap_source": "来源",
    "gap_group": "子群",
    "drift": "{detector} 的阈值在未受攻击的测试文件上就已失守（{regime}）：阈值按 {n_calibration} 个校准文件设定，误"
    "报率应不超过 {alpha} %，实际在 {n_human} 个非 AI 文件上为 {fpr}。",
    "clean_loss": "{label} 并非在每个未受攻击的文件中都能读回：{n} 个中完好 {k} 个，{rate}。",
    "false_declaration": "在从未写入标识的非 AI 文件中读出了 {label}：{attack} 之后 {n} 个中有 {k} 个，{rate}。",
    "no_false_declaration": "从未写入标识的非 AI 文件，没有任何读取器读出标识：每种攻击之后均为 {n} 个中 0 个，上限 "
    "{high} %。",
    "wiped": "{total} 种攻击中有 {k} 种使所有文件中的标识都不再完好。",
    "wiped_none": "全部 {total} 种攻击之后，都至少有一种标识在部分文件中保持完好。",
    "best": "{label} 留存最好：{total} 种攻击平均，{mean} % 的文件中保持完好；最好的情形是 {attack} 之后，{rate}（n "
    "= {n}）。",
    "worst": "{label} 留存最差：{total} 种攻击平均，{mean} % 的文件中保持完好；最差的情形是 {attack} 之后，{rate}（n "
    "= {n}）。",
    "only": "{label}：{total} 种攻击平均，{mean} % 的文件中保持完好；最好是 {attack} 之后，{rate}（n = {n}）；"
    "最差是 {attack_worst} 之后，{rate_worst}（n = {n_worst}）。",
    "tie": "{count} 种标识留存情况相同：{total} 种攻击平均，{mean} % 的文件中保持完好；最好是 {attack} 之后，{rate}"
    "（n = {n}）。",
    "carrier": "{attack} 之后，{label} 能否留存取决于载体格式：{carrier} 文件中 {rate} 完好（n = {n}），"
    "{carrier_worst} 文件中 {rate_worst} 完好（n = {n_worst}）。",
    "gone": "{label} 在全部 {total} 种攻击之后均不再完好：每种都是 {n} 个文件中 0 个，上限 {high} %。",
    "altered": "{attack} 之后，{label} 完好的占 {survived}，但仍声明为 AI 的占 {declares}（n = {n}）。",
    "marks_clean": "{watermark}：从未受攻击的带水印文件中读回 {bits} 的比特，检出 {detected}（n = {n}）。",
    "marks_chance": "{total} 种攻击中有 {k} 种使比特读回率降至随机水平（50 %）或更低：{attacks}。",
    "marks_no_chance": "{total} 种攻击均未使比特读回率降至随机水平（50 %）。",
    "marks_worst": "其余攻击中影响最大的是 {attack}：比特读回率 {bits}，检出 {detected}（n = {n}）。",
    "marks_worst_of_all": "最坏的情形是 {attack} 之后：比特读回率 {bits}，检出 {detected}（n = {n}）。",
    "marks_dead": "{watermark} 在未受攻击的带水印文件中就无法读回：{n} 个文件的比特读回率为 {bits}，而随机水平为 50 "
    "%。",
    "marks_few": "{watermark}：带水印的测试文件太少（{n} 个），不给出比率。",
    "marks_false": "{watermark} 在不带水印的非 AI 文件中被检出的比率高于其 p 值所标称的 {nominal} %：{total} 种攻击"
    "中有 {k} 种如此；最多的是 {attack} 之后，{rate}（n = {n}）。",
    "marks_true": "没有任何水印在不带水印的非 AI 文件中的误检率显著高于标称的 {nominal} %；数据所允许的上限最高的是 "
    "{watermark} 在 {attack} 之后，{rate}（n = {n}）。",
    "repeats": "{detector} 的得分不可复现：对同一文件再问两次，{n} 个文件中有 {k} 个两次回答不同，{told}。"
    "其数字均取自每个文件的一次回答，另一次测试会得到不同的数字。",
    "repeats_by": "最多相差 {most}",
    "repeats_none": "并非每次都有得分",
    "and_more": "{names}等，另有 {more} 种",
    "sentence_joint": "",
    "list_joint": "、",
    "clean_errors": "{detector}（{regime}，{threshold}）：未受攻击时，{n_ai} 个 AI 文件漏报 {fnr}，{n_human} 个非 AI "
    "文件误报 {fpr}。",
    "worst_misses": "漏报最多的是 {attack} 之后，{rate}（n = {n}）。",
    "worst_flags": "误报最多的是 {attack} 之后，{rate}（n = {n}）。",
    "policy_forged": "伪造的标识会得逞：{total} 种攻击中有 {k} 种，使相信标识的平台把非 AI 文件确认为 AI；最多的是 "
    "{attack} 之后，{rate}（n = {n}）。",
    "policy_labels": "若平台按 2025 年《人工智能生成合成内容标识办法》只凭标识与用户声明，则未受攻击的 AI 文件中有 "
    "{clean} 得不到任何提示（n = {n}），最坏是 {attack} 之后，{worst}（n = {n_worst}）；此处假定 {declared} % 的作"
    "者会主动声明。",
    "policy_fallback": "再以 {detector} 兜底（{threshold}），未受攻击的 AI 文件中有 {clean} 得不到提示（n = {n}），"
    "最坏是 {attack} 之后，{worst}（n = {n_worst}）。",
    "policy_best": "以 {detector} 兜底（{threshold}）时，按攻击和两类文件平均的错误最少：未受攻击的 AI 文件中有 "
    "{clean} 得不到提示（n = {n}），最坏是 {attack} 之后，{worst}（n = {n_worst}）。",
    "policy_flags": "最坏时（{attack} 之后），{n} 个非 AI 文件中有 {rate} 会被加上提示。",
    "at_alpha": "阈值按误报率 {alpha} % 冻结",
    "at_default": "厂商自定阈值",
    "refused": "{detectors}未设定误报率 {alpha} % 的阈值：需要 {needed} 个非 AI 校准得分，现有 {n} 个。",
    "all_detectors": "所有检测器均",
    "too_few": "{detector}：测试文件太少，不给出比率（非 AI {n_human} 个，AI {n_ai} 个）。",
    "missing_cells": "计划的 {planned} 个变体、读取与得分中，有 {missing} 个不在记录里。",
    "failed_cells": "有 {k} 个变体、读取或得分失败，各自的代码见“覆盖与失败”。",
    "unavailable_cells": "{subject} 在本机上有 {k} 次无法运行（共 {n} 次），不计为其过失。",
    # labels
    "labels": "标识还剩下什么",
    "labels_lead": "先在每个格式可承载的 AI 文件和 AI 编辑文件中写入隐式标识（以及显式标识，若有），再施加攻击并重新"
    "读取。标识组合指一并写入同一文件的若干标识。完好：所有必备字段与写入时一致。仍声明为 AI：完好，或仅有字段被改"
    "动。比率不计格式无法承载该标识、以及本机缺少读取器的情形；读取出错则计为未留存。只含原样（native）处理方式和测"
    "试集。",
    "labels_none": "本次测试没有向任何测试文件写入标识。",
    "false_none": "没有任何读取器把非 AI 文件读作 AI：{n} 次读取中 0 次。",
    # watermarks
    "marks": "水印还剩下什么",
    "marks_lead": "每个文件嵌入一条各不相同的随机消息，攻击之后再读回。比特读回率：消息中正确读回的比特所占的平均比"
    "例，附按文件计算的 t 分布区间；不带水印的文件随机可得 50 %，低于此值说明攻击使比特反转。检出：一致的比特多到抛"
    "硬币只有 {nominal} % 的机会做到。但解码得到的比特并不是公平的硬币：许多解码器对所有文件给出几乎相同的比特，攻"
    "击也可能使它们偏向同一侧。因此另在不带水印的非 AI 文件上、经过同样的攻击，实测误检率；若高于 {nominal} %，旁边"
    "的检出率应同样存疑。读取失败计为未检出。只含原样（native）处理方式和测试集。",
    # detectors
    "detectors": "检测器如何出错",
    "detectors_lead": "阈值由校准集中未受攻击的非 AI 文件确定后即冻结，不再随攻击调整。误报指非 AI 文件被标记，漏报"
    "指 AI 文件未被标记；没有得分的文件视为未标记。每个检测器旁都列出文件头基线的 AUC：它只看格式、尺寸和 JPEG 质量，"
    "不看像素；若检测器并不优于它，学到的可能也只是这些。native（原样）：文件保持原状；canonical（统一）：所有文件"
    "先经过相同的解码器、尺寸规则和编码器。",
    "detectors_none": "本次测试没有检测器给出任何测试文件的得分。",
    "reads_pixels": "读取像素",
    "reads_file": "读取文件，不读像素",
    "reads_both": "读取文件及像素",
    "version": "版本 {version}",
    "trained": "以 {n_human} 个非 AI 文件和 {n_ai} 个 AI 文件训练（{regime}）",
    "unavailable_detector": "本机不可用：{why}",
    "no_threshold": "没有阈值：{why}。",
    "baseline_note": "注意：完全不看像素的基线在未受攻击的文件上 AUC 已达 {header}，本检测器为 {auc}",
    # policy
    "policy": "平台会如何提示",
    "policy_lead": "按 2025 年《人工智能生成合成内容标识办法》第六条，平台依次核验：确认（属于生成合成内容）：文件元"
    "数据中的隐式标识声明为 AI且未损坏；声明（可能为生成合成内容）：没有这样的标识，但用户主动声明，此处假定 AI 文"
    "件的作者中有固定比例会声明，非 AI 文件的作者都不会；疑似（疑似生成合成内容）：两者皆无，但兜底检测器按冻结阈值"
    "标记，或存在标识的残留痕迹。其余不加提示：无标识，或证据读取失败（未知）。伪造：非 AI 文件因他人写入的标识而被"
    "确认。只含原样（native）处理方式和测试集；washtest policy 可换算为每日帖数。",
    "policy_with": "以 {detector} 兜底：{threshold}",
    "policy_alone": "只凭标识与声明",
    "verdict_confirmed": "确认",
    "verdict_declared": "声明",
    "verdict_suspected": "疑似",
    "verdict_silent": "无提示",
    # thresholds
    "thresholds": "阈值",
    "thresholds_lead": "得分大于阈值即被标记。取校准文件误报率不超过目标的最小阈值；与阈值相等的得分不会被标记。",
    # coverage
    "coverage": "覆盖与失败",
    "coverage_lead": "测试集。计划数减去其余各列，即为记录中缺失的部分。本机没有的读取器不算失败。",
    "failures_none": "没有失败。",
    # method
    "method": "方法与证据",
    "method_intervals": "置信区间均为 95 %：事件数或非事件数少于五时用 Clopper-Pearson，其余用 Wilson；AUC 用 logit "
    "尺度上的 DeLong，方差为零时用 Newcombe。不足 {n} 个文件的单元格不给出比率。",
    "method_channels": "{total} 种攻击中，{real} 种由其名称所指的工具真实执行，{simulated} 种为模拟。",
    "method_unmeasured": "此处未测：各平台自身的上传链路、上文未列出的设备与应用、数据集之外的生成模型与相机。模拟途"
    "径只说明该模拟对文件的影响，不代表更多。攻击的执行途径、强度含义和失败详情照录原文（英文）。",
    "method_aligned": "比率只对这些文件成立。同一来源的文件彼此相似，合并后的比率受来源构成左右；"
    "tables/detector_errors.csv 中的宏平均（macro）使每个来源权重相同。",
    "warnings": "测试过程中的警告",
    "js_filter": "筛选行",
    "js_shown": "{1} 行中的 {0} 行",
    "footer": "由 washtest {version} 根据本次测试的记录生成；相同的记录得到相同的页面。",
}
