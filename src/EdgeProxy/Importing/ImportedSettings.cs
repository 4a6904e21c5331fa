using System.Text.Json;
using System.Text.Json.Nodes;
using EdgeProxy.Configuration;
using EdgeProxy.Settings;
using EdgeProxy.Sites;
using EdgeProxy.Sites.Reaching;

namespace EdgeProxy.Importing;

/// <summary>What becomes of a draft, whichever server it comes from.</summary>
internal static class ImportedSettings
{
    private static readonly string[] _order =
    [
        "EdgeProxy:Slots", "EdgeProxy:InitialSlot", "EdgeProxy:Companions", "EdgeProxy:Health", "EdgeProxy:Upstream", "EdgeProxy:Sites",
        "EdgeProxy:StaticFiles", "EdgeProxy:Compression", "EdgeProxy:Tls", "EdgeProxy:TrustedProxies", "EdgeProxy:Shutdown", "EdgeProxy:AccessLog",
        "AllowedHosts", "Kestrel",
    ];

    /// <summary>What only the options say.</summary>
    public static void SetOptions(ImportOptions options, SettingsDraft draft, SourceLine file)
    {
        if (options.Certificates is { } directory)
        {
            draft.AppendNode("EdgeProxy:Tls:Certificates", new JsonObject { ["Certificate"] = directory }, file);
        }

        if (options.ServerKeepAlive is { } keepAlive)
        {
            draft.Set("EdgeProxy:Upstream:ServerKeepAlive", keepAlive, file);
        }

        if (options.MaxConcurrent is { } places)
        {
            draft.Set("EdgeProxy:Upstream:MaxConcurrent", JsonValue.Create(places), file);
        }

        foreach (var unit in options.Companions ?? [])
        {
            draft.AppendNode("EdgeProxy:Companions", new JsonObject { ["Name"] = NameOf(unit), ["Unit"] = unit }, file);
        }

        // beat@1.service is beat-1: a name has a-z, 0-9 and -.
        static string NameOf(string unit) => string.Concat(
            Path.GetFileNameWithoutExtension(unit).ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-'));
    }

    /// <summary>Checked as <c>check</c> would, but without this process's environment.</summary>
    public static JsonObject Check(SettingsDraft draft, SourceLine file, ImportRemarks remarks)
    {
        var settings = draft.ToJson(_order);
        var check = Load(settings, file);
        if (RemoveUnreached(settings, check.Options?.Sites ?? []))
        {
            check = Load(settings, file);
        }

        foreach (var problem in check.Problems)
        {
            var at = draft.LineOf(problem.Key) ?? file;
            if (problem.Severity == SettingsSeverity.Error)
            {
                remarks.Problem(at, $"leads to settings that are refused: {problem.Text}");
            }
            else
            {
                remarks.Note(at, problem.Text);
            }
        }

        return settings;
    }

    private static EdgeProxySettings Load(JsonObject settings, SourceLine file) =>
        SettingsLoader.Check(file.File, JsonSerializer.SerializeToUtf8Bytes(settings, ImportJson.Relaxed.JsonObject));

    /// <summary>Each directive is translated for itself, so that a case of one may be another's already.</summary>
    /// <returns>Whether there were any.</returns>
    private static bool RemoveUnreached(JsonObject settings, IReadOnlyList<SiteOptions> sites)
    {
        var isChanged = false;
        foreach (var (i, site) in sites.Index())
        {
            foreach (var place in RouteReach.Unreached(site).Reverse())
            {
                settings["EdgeProxy"]!["Sites"]![i]!["Routes"]!.AsArray().RemoveAt(place);
                isChanged = true;
            }
        }

        return isChanged;
    }
}
