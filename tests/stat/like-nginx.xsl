<?xml version="1.0" encoding="utf-8"?>
<!-- The paths by which the stylesheets for nginx-rtmp find what they show, one line for each row of their tables. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="text" encoding="utf-8"/>
<xsl:template match="/"><xsl:apply-templates select="rtmp"/></xsl:template>

<xsl:template match="rtmp">
<xsl:text>server</xsl:text>
<xsl:value-of select="concat(' ', nginx_version, '|', nginx_rtmp_version, '|', compiler, '|', boolean(number(pid)))"/>
<xsl:value-of select="concat('|', string(number(bw_in) &gt;= 0), '|', string(number(bytes_in) &gt; 0), '|', built, '&#10;')"/>
<xsl:apply-templates select="server"/>
</xsl:template>

<xsl:template match="server"><xsl:apply-templates select="application"/></xsl:template>

<xsl:template match="application">
<xsl:value-of select="concat('application ', name, '&#10;')"/>
<xsl:apply-templates select="live"/>
<xsl:apply-templates select="play"/>
</xsl:template>

<xsl:template match="live">
<xsl:value-of select="concat('live ', nclients, '&#10;')"/>
<xsl:apply-templates select="stream"/>
</xsl:template>

<xsl:template match="stream">
<xsl:value-of select="concat('stream ', ../../name, '/', name, '|', nclients, '|', count(client[not(publishing)]), '|')"/>
<xsl:value-of select="concat(meta/video/width, 'x', meta/video/height, '|', meta/video/frame_rate, '|')"/>
<xsl:value-of select="concat(meta/video/codec, ' ', meta/video/profile, ' ', meta/video/level, '|')"/>
<xsl:value-of select="concat(meta/audio/codec, ' ', meta/audio/profile, '|', meta/audio/sample_rate, '|')"/>
<xsl:value-of select="concat(meta/audio/channels, '|')"/>
<xsl:choose>
<xsl:when test="active">active</xsl:when>
<xsl:otherwise>idle</xsl:otherwise>
</xsl:choose>
<xsl:text>&#10;</xsl:text>
<xsl:apply-templates select="client"/>
</xsl:template>

<xsl:template match="client">
<xsl:text>client </xsl:text>
<xsl:choose>
<xsl:when test="publishing">publishing</xsl:when>
<xsl:otherwise>playing</xsl:otherwise>
</xsl:choose>
<xsl:value-of select="concat('|', address, '|', dropped, '|', avsync, '|', string(number(timestamp) &gt; 0), '&#10;')"/>
</xsl:template>
</xsl:stylesheet>
