using System.Net.Http.Json;
using EdgeProxy.Tests.Support;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace EdgeProxy.Tests.Admin.Dashboard;

/// <summary>The page at the admin URL, in a real browser against a real proxy.</summary>
public sealed class DashboardTests(Browser browser) : IClassFixture<Browser>
{
    static DashboardTests() => SetDefaultExpectTimeout((float)Eventually.Patience.TotalMilliseconds);

    [Fact]
    public async Task A_switch_is_ordered_with_the_token_and_followed_live()
    {
        using var site = await DashboardSite.StartAsync();
        await using var visit = await browser.OpenAsync(site.Url);
        var page = visit.Page;
        await Expect(Slot(page, "blue").Locator(".badge")).ToHaveTextAsync("active");
        await Expect(page.Locator("#connection")).ToHaveTextAsync("live");
        await page.EvaluateAsync("""
            () => {
              const title = document.getElementById('switch-title');
              window.titles = [title.textContent];
              new MutationObserver(() => window.titles.at(-1) === title.textContent || window.titles.push(title.textContent)).observe(title, { childList: true, characterData: true, subtree: true });
            }
            """);

        await page.GetByRole(AriaRole.Button, new() { Name = "Switch to green" }).ClickAsync();
        await page.GetByRole(AriaRole.Dialog).GetByLabel("Label").FillAsync("<img src=x onerror=alert(1)>");
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Switch to green" }).ClickAsync();
        await page.GetByRole(AriaRole.Textbox, new() { Name = "Token" }).FillAsync("wrong");
        await page.GetByRole(AriaRole.Button, new() { Name = "Use it" }).ClickAsync();
        await Expect(page.GetByText("That is not the token.")).ToBeVisibleAsync();
        await visit.PhotographAsync("dashboard-token-refused");
        await page.GetByRole(AriaRole.Textbox, new() { Name = "Token" }).FillAsync(site.Token);
        await page.GetByRole(AriaRole.Button, new() { Name = "Use it" }).ClickAsync();

        // The record of the page itself: on a busy machine the switch may be over before the next look from here.
        await page.WaitForFunctionAsync("() => window.titles.includes('Running switch')");
        await visit.PhotographAsync("dashboard-switching");
        await Expect(page.Locator("#switch > p").First).ToContainTextAsync("Completed");
        await Expect(page.Locator(".timeline .name")).ToHaveTextAsync(["StartIdle", "Probe", "WarmUp", "Flip", "Observe", "Drain", "StopOld"]);
        await Expect(Slot(page, "green").Locator(".badge")).ToHaveTextAsync("active");
        await Expect(page.Locator("#history tbody tr")).ToContainTextAsync(["blue → green<img src=x onerror=alert(1)>Completed"]);
        Assert.Equal(0, await page.Locator("img").CountAsync());
        await Expect(page.Locator("#switch-title")).ToHaveTextAsync("Last switch");
        Assert.Equal(["Last switch", "Running switch", "Last switch"], await page.EvaluateAsync<string[]>("window.titles"));
        await visit.PhotographAsync("dashboard-switched");
        // What the browser itself reports of the refused token is no error of the page.
        Assert.DoesNotContain(visit.Errors, error => !error.Contains("401", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_page_comes_back_by_itself_when_the_proxy_was_restarted()
    {
        using var site = await DashboardSite.StartAsync();
        await using var visit = await browser.OpenAsync(site.Url);
        var connection = visit.Page.Locator("#connection");
        await Expect(connection).ToHaveTextAsync("live");

        await site.StopAsync();
        await Expect(connection).ToHaveTextAsync("not reachable, trying again");
        await visit.PhotographAsync("dashboard-lost");
        await site.StartAgainAsync();

        await Expect(connection).ToHaveTextAsync("live");
        await Expect(Slot(visit.Page, "blue").Locator(".badge")).ToHaveTextAsync("active");
        Assert.All(visit.Errors, error => Assert.Contains("net::ERR_", error, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(360, ColorScheme.Dark)]
    [InlineData(1280, ColorScheme.Light)]
    public async Task It_fits_a_phone_and_a_screen_and_speaks_Chinese_where_the_browser_does(int width, ColorScheme colors)
    {
        using var site = await DashboardSite.StartAsync();
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new("Bearer", site.Token);
        using var ended = await http.PostAsJsonAsync(new Uri(site.Url + "switch"), new { label = "a1b2c3" }, TestContext.Current.CancellationToken);
        Assert.True(ended.IsSuccessStatusCode);
        await using var visit = await browser.OpenAsync(site.Url, "zh-CN", width, 800, colors);

        await Expect(Slot(visit.Page, "green").Locator(".badge")).ToHaveTextAsync("活动");
        await Expect(visit.Page.GetByRole(AriaRole.Button, new() { Name = "切换到 blue" })).ToBeVisibleAsync();
        await Expect(visit.Page.Locator("html")).ToHaveAttributeAsync("lang", "zh-CN");
        Assert.Equal(width, await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        await visit.PhotographAsync($"dashboard-{width}-{colors}");

        await visit.Page.GetByRole(AriaRole.Button, new() { Name = "English" }).ClickAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Heading, new() { Name = "Slots" })).ToBeVisibleAsync();
        await visit.PhotographAsync($"dashboard-{width}-{colors}-en");
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task All_of_it_can_be_reached_by_keyboard_and_has_a_name()
    {
        using var site = await DashboardSite.StartAsync();
        await using var visit = await browser.OpenAsync(site.Url);
        var page = visit.Page;
        await Expect(page.Locator("#connection")).ToHaveTextAsync("live");

        var reached = new List<string>();
        for (var i = 0; i < 8; i++)
        {
            await page.Keyboard.PressAsync("Tab");
            reached.Add(await page.EvaluateAsync<string>("document.activeElement.textContent.trim().slice(0, 20)"));
        }

        Assert.Equal(["中文", "Token", "Switch to green", "Roll back to green", "Pause", "Maintenance"], reached.Take(6));
        await page.GetByRole(AriaRole.Button, new() { Name = "Pause" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Dialog, new() { Name = "Pause" })).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        Assert.Equal("Pause", await page.EvaluateAsync<string>("document.activeElement.textContent"));
        Assert.Equal(0, await page.Locator("[role=img]:not([aria-label])").CountAsync());
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task A_preview_is_opened_by_its_link_and_promoted()
    {
        using var site = await DashboardSite.StartAsync();
        await using var visit = await browser.OpenAsync(site.Url);
        var page = visit.Page;
        await page.EvaluateAsync("token => sessionStorage.setItem('token', token)", site.Token);
        await page.ReloadAsync();
        ILocator Button(string name) => page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });
        ILocator Confirm(string name) => page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = name, Exact = true });
        await Expect(Button("Switch to green")).ToBeVisibleAsync();
        await Expect(Button("Preview link")).ToBeHiddenAsync();

        await Button("Switch to green").ClickAsync();
        await page.GetByLabel("Wait for a preview first, 15 minutes at most").CheckAsync();
        await Confirm("Switch to green").ClickAsync();
        await Expect(Button("Abort")).ToBeVisibleAsync();
        await Button("Preview link").ClickAsync();
        var address = page.GetByRole(AriaRole.Dialog).GetByLabel("Address of the site");
        await address.FillAsync("shop");
        await Confirm("Preview link").ClickAsync();
        await Expect(page.GetByText("The url must be an http or https URL.")).ToBeVisibleAsync();
        await Button("Preview link").ClickAsync();
        await address.FillAsync(site.PublicUrl);
        await Confirm("Preview link").ClickAsync();
        await Expect(page.GetByText("Everybody who opens this link before")).ToBeVisibleAsync();
        await visit.PhotographAsync("dashboard-preview");
        var link = new Uri(await page.Locator("#link-value").InputValueAsync());
        await Button("Close").ClickAsync();
        using (var candidate = new HttpClient())
        {
            Assert.Equal("green", await SlotOfAsync(candidate, site.PublicUrl + link.Query));
            Assert.Equal("green", await SlotOfAsync(candidate, site.PublicUrl)); // by the cookie of the link
        }

        using (var anybody = new HttpClient())
        {
            Assert.Equal("blue", await SlotOfAsync(anybody, site.PublicUrl));
        }

        await Button("Promote green").ClickAsync();
        await Confirm("Promote green").ClickAsync();

        await Expect(Slot(page, "green").Locator(".badge")).ToHaveTextAsync("active");
        await Expect(page.Locator("#switch > p").First).ToContainTextAsync("Completed");
        await Expect(Button("Promote green")).ToBeHiddenAsync();
        // What the browser itself reports of the refused address is no error of the page.
        Assert.DoesNotContain(visit.Errors, error => !error.Contains("422", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_page_that_is_opened_later_shows_what_was_and_where_the_switches_are()
    {
        using var site = await DashboardSite.StartAsync();
        using var http = new HttpClient();
        await SlotOfAsync(http, site.PublicUrl);
        http.DefaultRequestHeaders.Authorization = new("Bearer", site.Token);
        using var ended = await http.PostAsJsonAsync(new Uri(site.Url + "switch"), new { label = "a1b2c3" }, TestContext.Current.CancellationToken);
        Assert.True(ended.IsSuccessStatusCode);
        await SlotOfAsync(http, site.PublicUrl);
        await Eventually.TrueAsync(
            async () => (await http.GetStringAsync(new Uri(site.Url + "traffic"), TestContext.Current.CancellationToken)) is var traffic
                && traffic.Contains("blue", StringComparison.Ordinal) && traffic.Contains("green", StringComparison.Ordinal),
            "both slots are in the samples");

        await using var visit = await browser.OpenAsync(site.Url);

        foreach (var plot in (string[])["#requests-plot", "#latency-plot"])
        {
            await Expect(visit.Page.Locator($"{plot} path.blue.first")).ToHaveCountAsync(1);
            await Expect(visit.Page.Locator($"{plot} path.green.first")).ToHaveCountAsync(1);
        }

        var mark = visit.Page.Locator("#latency-plot line.Completed");
        await Expect(mark).ToHaveCountAsync(1);
        Assert.Contains("blue → green (a1b2c3): Completed", await mark.TextContentAsync(), StringComparison.Ordinal);
        var near = double.Parse((await mark.GetAttributeAsync("x1"))!, System.Globalization.CultureInfo.InvariantCulture);
        await visit.Page.Locator("#range").SelectOptionAsync("60");
        var far = double.Parse((await mark.GetAttributeAsync("x1"))!, System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(near, 0, far); // further to the right where the hour is shown
        await visit.PhotographAsync("dashboard-hour");
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task Sites_and_their_routes_are_listed_as_text()
    {
        using var site = await DashboardSite.StartAsync("""
            [ { "Hosts": "www.example.com", "Scheme": "Http", "Routes": [ { "Redirect": { "To": "https://example.com{uri}", "Status": 301 } } ] },
              { "Hosts": "*", "Routes": [ { "Name": "<img src=x onerror=alert(1)>", "Path": "/tool/*", "Match": { "Methods": "GET" }, "Upstreams": "http://127.0.0.1:9" },
                                          { "App": "app" } ] } ]
            """);
        await using var visit = await browser.OpenAsync(site.Url);

        var rows = visit.Page.Locator("#sites tbody tr");
        await Expect(rows).ToHaveTextAsync([
            "www.example.com (http)*everythingRedirect 301 https://example.com{uri}",
            "*<img src=x onerror=alert(1)>Path /tool/*; Match:Methods GETUpstreams http://127.0.0.1:9",
            "*everythingApp app",
        ]);
        Assert.Equal(0, await visit.Page.Locator("img").CountAsync());
        await visit.PhotographAsync("dashboard-sites");
        await visit.Page.GetByRole(AriaRole.Button, new() { Name = "中文" }).ClickAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Heading, new() { Name = "站点" })).ToBeVisibleAsync();
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task Nothing_but_its_own_style_and_script_runs_in_it()
    {
        using var site = await DashboardSite.StartAsync();
        await using var visit = await browser.OpenAsync(site.Url);

        var ran = await visit.Page.EvaluateAsync<bool>("""
            () => {
              const script = document.createElement('script');
              script.textContent = 'window.intruder = true';
              document.body.append(script);
              return window.intruder === true;
            }
            """);

        Assert.False(ran);
        Assert.Contains(visit.Errors, error => error.Contains("Content Security Policy", StringComparison.Ordinal));
    }

    private static async Task<string> SlotOfAsync(HttpClient http, string url)
    {
        using var response = await http.GetAsync(new Uri(url), TestContext.Current.CancellationToken);
        return response.Headers.GetValues("X-Slot").Single();
    }

    private static ILocator Slot(IPage page, string name) => page.Locator($".slot[data-slot={name}]");
}
