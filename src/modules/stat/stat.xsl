<?xml version="1.0" encoding="utf-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="html" encoding="utf-8" doctype-system="about:legacy-compat"/>

<xsl:template match="/">
<html lang="en">
<head>
<title>Streams</title>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<style>
:root { color-scheme: light dark; --line: #ccc; --dim: #666; --live: #070; --head: #f2f2f2; }
@media (prefers-color-scheme: dark) { :root { --line: #444; --dim: #aaa; --live: #7d7; --head: #222; } }
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5em; }
h1 { font-size: 1.3em; }
h2 { font-size: 1.1em; margin: 1.5em 0 .5em; }
p { color: var(--dim); margin: .3em 0; }
div { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid var(--line); padding: .3em .6em; text-align: left; vertical-align: top; }
th { background: var(--head); font-weight: 600; }
td.n { text-align: right; white-space: nowrap; }
details { margin: .3em 0; }
summary { cursor: pointer; }
.live { color: var(--live); font-weight: 600; }
</style>
</head>
<body><xsl:apply-templates select="rtmp"/></body>
</html>
</xsl:template>

<xsl:template match="rtmp">
<h1><xsl:value-of select="nginx_version"/></h1>
<p>
Up for <xsl:call-template name="time"><xsl:with-param name="seconds" select="uptime"/></xsl:call-template>,
<xsl:value-of select="naccepted"/> connections accepted, pid <xsl:value-of select="pid"/>
</p>
<p>
In: <xsl:call-template name="rate"><xsl:with-param name="bits" select="bw_in"/></xsl:call-template>,
<xsl:call-template name="bytes"><xsl:with-param name="bytes" select="bytes_in"/></xsl:call-template> so far.
Out: <xsl:call-template name="rate"><xsl:with-param name="bits" select="bw_out"/></xsl:call-template>,
<xsl:call-template name="bytes"><xsl:with-param name="bytes" select="bytes_out"/></xsl:call-template> so far.
</p>
<xsl:apply-templates select="server/application"/>
</xsl:template>

<xsl:template match="application">
<h2><xsl:value-of select="name"/></h2>
<xsl:choose>
<xsl:when test="live/stream">
<div>
<table>
<tr>
<th>Stream</th><th>State</th><th>Time</th><th>Clients</th><th>HLS viewers</th><th>In</th><th>Video</th><th>Audio</th>
<th>Out</th><th>Picture</th><th>Sound</th>
</tr>
<xsl:apply-templates select="live/stream"/>
</table>
</div>
<xsl:apply-templates select="live/stream[client]" mode="clients"/>
</xsl:when>
<xsl:when test="live"><p>No streams.</p></xsl:when>
</xsl:choose>
<xsl:if test="play/stream">
<div>
<table>
<tr><th>File</th><th>Time</th><th>Players</th><th>Out</th><th>Sent</th></tr>
<xsl:apply-templates select="play/stream" mode="files"/>
</table>
</div>
<xsl:apply-templates select="play/stream[client]" mode="clients"/>
</xsl:if>
</xsl:template>

<xsl:template match="stream" mode="files">
<tr>
<td><xsl:value-of select="name"/></td>
<td class="n">
<xsl:call-template name="time"><xsl:with-param name="seconds" select="floor(time div 1000)"/></xsl:call-template>
</td>
<td class="n"><xsl:value-of select="nclients"/></td>
<td class="n"><xsl:call-template name="rate"><xsl:with-param name="bits" select="bw_out"/></xsl:call-template></td>
<td class="n"><xsl:call-template name="bytes"><xsl:with-param name="bytes" select="bytes_out"/></xsl:call-template></td>
</tr>
</xsl:template>

<xsl:template match="stream">
<tr>
<td><xsl:value-of select="name"/></td>
<td>
<xsl:choose>
<xsl:when test="active"><span class="live">live</span></xsl:when>
<xsl:when test="publishing">no media yet</xsl:when>
<xsl:otherwise>waits for an encoder</xsl:otherwise>
</xsl:choose>
</td>
<td class="n">
<xsl:call-template name="time"><xsl:with-param name="seconds" select="floor(time div 1000)"/></xsl:call-template>
</td>
<td class="n"><xsl:value-of select="nclients"/></td>
<td class="n"><xsl:value-of select="nhls"/></td>
<td class="n"><xsl:call-template name="rate"><xsl:with-param name="bits" select="bw_in"/></xsl:call-template></td>
<td class="n"><xsl:call-template name="rate"><xsl:with-param name="bits" select="bw_video"/></xsl:call-template></td>
<td class="n"><xsl:call-template name="rate"><xsl:with-param name="bits" select="bw_audio"/></xsl:call-template></td>
<td class="n"><xsl:call-template name="rate"><xsl:with-param name="bits" select="bw_out"/></xsl:call-template></td>
<td>
<xsl:if test="string(meta/video/codec)">
<xsl:value-of select="meta/video/codec"/>
<xsl:if test="meta/video/profile != '0'"><xsl:text> </xsl:text><xsl:value-of select="meta/video/profile"/></xsl:if>
<xsl:if test="meta/video/level &gt; 0"><xsl:text> </xsl:text><xsl:value-of select="meta/video/level"/></xsl:if>
<xsl:text>, </xsl:text>
<xsl:value-of select="meta/video/width"/>&#215;<xsl:value-of select="meta/video/height"/>
<xsl:if test="meta/video/frame_rate &gt; 0">, <xsl:value-of select="meta/video/frame_rate"/>/s</xsl:if>
</xsl:if>
</td>
<td>
<xsl:if test="string(meta/audio/codec)">
<xsl:value-of select="meta/audio/codec"/><xsl:text> </xsl:text><xsl:value-of select="meta/audio/profile"/>
<xsl:text>, </xsl:text><xsl:value-of select="meta/audio/sample_rate"/> Hz, <xsl:value-of select="meta/audio/channels"/> ch
</xsl:if>
</td>
</tr>
</xsl:template>

<xsl:template match="stream" mode="clients">
<details>
<summary>Clients of <xsl:value-of select="name"/></summary>
<div>
<table>
<tr><th>Id</th><th>Role</th><th>Address</th><th>Time</th><th>Dropped</th><th>A-V</th><th>Software</th><th>Page</th></tr>
<xsl:apply-templates select="client"/>
</table>
</div>
</details>
</xsl:template>

<xsl:template match="client">
<tr>
<td class="n"><xsl:value-of select="id"/></td>
<td><xsl:choose><xsl:when test="publishing">publishes</xsl:when><xsl:otherwise>plays</xsl:otherwise></xsl:choose></td>
<td><xsl:value-of select="address"/></td>
<td class="n">
<xsl:call-template name="time"><xsl:with-param name="seconds" select="floor(time div 1000)"/></xsl:call-template>
</td>
<td class="n"><xsl:value-of select="dropped"/></td>
<td class="n"><xsl:value-of select="avsync"/> ms</td>
<td><xsl:value-of select="flashver"/></td>
<td>
<xsl:if test="pageurl"><a rel="noreferrer" href="{pageurl}"><xsl:value-of select="pageurl"/></a></xsl:if>
</td>
</tr>
</xsl:template>

<xsl:template name="time">
<xsl:param name="seconds"/>
<xsl:if test="$seconds &gt;= 86400"><xsl:value-of select="floor($seconds div 86400)"/> d </xsl:if>
<xsl:if test="$seconds &gt;= 3600"><xsl:value-of select="floor($seconds div 3600) mod 24"/> h </xsl:if>
<xsl:if test="$seconds &gt;= 60"><xsl:value-of select="floor($seconds div 60) mod 60"/> min </xsl:if>
<xsl:value-of select="$seconds mod 60"/> s</xsl:template>

<xsl:template name="rate">
<xsl:param name="bits"/>
<xsl:value-of select="format-number($bits div 1000, '#,##0')"/> kbit/s</xsl:template>

<xsl:template name="bytes">
<xsl:param name="bytes"/>
<xsl:choose>
<xsl:when test="$bytes &gt;= 1000000000"><xsl:value-of select="format-number($bytes div 1000000000, '#,##0.0')"/> GB</xsl:when>
<xsl:otherwise><xsl:value-of select="format-number($bytes div 1000000, '#,##0.0')"/> MB</xsl:otherwise>
</xsl:choose>
</xsl:template>

</xsl:stylesheet>
