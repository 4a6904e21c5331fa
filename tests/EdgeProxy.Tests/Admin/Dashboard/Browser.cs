using EdgeProxy.Tests.Support;
using Microsoft.Playwright;

namespace EdgeProxy.Tests.Admin.Dashboard;

/// <summary>Debian's Chromium, once for a class of tests.</summary>
public sealed class Browser : IAsyncLifetime
{
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async ValueTask InitializeAsync()
    {
        if (File.Exists("/usr/bin/chromium"))
        {
            _playwright = await Playwright.CreateAsync();
            _browser = await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = "/usr/bin/chromium", Args = ["--no-sandbox", "--disable-gpu"] });
        }
    }

    /// <summary>A page of a client that has not been here. Skips the test where there is no browser.</summary>
    internal async Task<Visit> OpenAsync(string url, string locale = "en-GB", int width = 1280, int height = 1400, ColorScheme colors = ColorScheme.Light)
    {
        Tool.Demand("chromium");
        var context = await _browser!.NewContextAsync(new() { Locale = locale, ViewportSize = new() { Width = width, Height = height }, ColorScheme = colors });
        context.SetDefaultTimeout((float)Eventually.Patience.TotalMilliseconds);
        var visit = new Visit(await context.NewPageAsync());
        await visit.Page.GotoAsync(url);
        return visit;
    }

    public async ValueTask DisposeAsync()
    {
        await (_browser?.DisposeAsync() ?? ValueTask.CompletedTask);
        _playwright?.Dispose();
    }
}

/// <summary>One client's page, and what its console said.</summary>
internal sealed class Visit : IAsyncDisposable
{
    private readonly List<string> _errors = [];

    public Visit(IPage page)
    {
        Page = page;
        page.Console += (_, message) => Note(message.Type == "error", message.Text);
        page.PageError += (_, error) => Note(true, error);
    }

    public IPage Page { get; }

    /// <summary>Errors of the script, and what the browser refused.</summary>
    public IReadOnlyList<string> Errors
    {
        get
        {
            lock (_errors)
            {
                return [.. _errors];
            }
        }
    }

    /// <summary>For people to look at, in <c>artifacts/screenshots</c> of <c>tests/run</c>.</summary>
    public async Task PhotographAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("EDGEPROXY_SCREENSHOTS") is { Length: > 0 } directory)
        {
            await Page.ScreenshotAsync(new() { Path = Path.Combine(directory, $"{name}.png"), FullPage = true });
        }
    }

    public async ValueTask DisposeAsync() => await Page.Context.DisposeAsync();

    private void Note(bool isError, string text)
    {
        lock (_errors)
        {
            if (isError)
            {
                _errors.Add(text);
            }
        }
    }
}
