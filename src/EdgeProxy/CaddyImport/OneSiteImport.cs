using EdgeProxy.CaddyImport.Sites;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport;

/// <summary>A Caddyfile that is one app with static files, under one or several names: settings without <c>EdgeProxy:Sites</c>.</summary>
internal sealed class OneSiteImport(string file) : ImportRun(file)
{
    protected override void Translate(CaddyfileSyntax caddyfile, ImportOptions options)
    {
        var drafts = new List<(SettingsDraft Draft, SourceLine At)>();
        foreach (var site in caddyfile.Sites)
        {
            TranslateSite(site, drafts);
        }

        if (drafts.Count == 0)
        {
            Remarks.Problem(File, "has no site with a reverse_proxy: there is no app to serve");
            return;
        }

        // Sites are compared only when each is understood: half a site differs from anything.
        if (Remarks.ProblemCount > 0)
        {
            return;
        }

        Behaviour.TakeOver(drafts[0].Draft);
        foreach (var (draft, at) in drafts.Skip(1))
        {
            Behaviour.Compare(draft, at);
        }

        Listening.Finish(File);
        SetSlots(options);
        SetDefaults(options);
    }

    private void TranslateSite(SiteBlock block, List<(SettingsDraft Draft, SourceLine At)> drafts)
    {
        var addresses = AddressesOf(block);
        var at = block.Addresses.Count > 0 ? block.Addresses[0].At : File;
        var draft = new SettingsDraft(Remarks, CaddyValue.PlaceholderIn);
        var options = new SiteOptions(Remarks, Server, draft);
        var isRedirect = addresses.Count > 0 && addresses.TrueForAll(address => !address.IsHttps) && IsRedirectToHttps(block, addresses);
        if (isRedirect)
        {
            Remarks.Note(at, "the redirect to https is left out: EdgeProxy redirects every name that it has a certificate for, with 308");
        }
        else
        {
            var before = Remarks.ProblemCount;
            var steps = new SiteCompiler(Remarks, draft, options).Compile(block.Statements);
            if (Remarks.ProblemCount == before)
            {
                new SiteRouting(Remarks, draft).Apply(steps, at);
            }

            drafts.Add((draft, at));
        }

        Listening.Add(addresses, options, isRedirect);
    }

    /// <summary><c>redir https://{host}{uri}</c> and nothing else; a site of one name may name it.</summary>
    private static bool IsRedirectToHttps(SiteBlock site, List<SiteAddress> addresses) =>
        site.Statements is [{ Name.Text: "redir", Block: null, Arguments: [var to, .. var status] }]
        && (status is [] or [{ Text: "permanent" or "temporary" or "301" or "302" or "307" or "308" }])
        && (to.Text == "https://{host}{uri}"
            || (addresses.TrueForAll(address => address.Host == addresses[0].Host && address.Host.Length > 0)
                && to.Text.Equals($"https://{addresses[0].Host}{{uri}}", StringComparison.OrdinalIgnoreCase)));

    private void SetSlots(ImportOptions options)
    {
        if (Behaviour.Take(SiteRouting.UpstreamKey) is not { } upstream)
        {
            return;
        }

        if (options.App is { } app && (ReverseProxyReader.AddressOf(app) is not { } named || !SlotChoice.IsSame(named, upstream.Value)))
        {
            Remarks.Problem(File, $"has no reverse_proxy to {app} (--app); the app is {upstream.Value}");
        }

        SlotChoice.Apply(upstream.Value, upstream.At, options, Server, Remarks);
    }
}
